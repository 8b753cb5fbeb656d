import Configuration
import Testing

@testable import Routing

@Suite("Which route: the most specific one")
struct RouteTableTests {
    /// In an arbitrary order, which must not matter; the verdicts contain the number.
    private static let paths = [
        "/{all...}",  // 0
        "/tasks/{id}",  // 1
        "/tasks/open",  // 2
        "/tasks",  // 3
        "/tasks/{id}/notes/{note}",  // 4
        "/tasks/open/notes/new",  // 5
        "/files/{path...}",  // 6
        "/{kind}/latest",  // 7
        "/",  // 8
        "/tasks/",  // 9
        "/r%C3%A9sum%C3%A9/a:b",  // 10
        "/a/{x}/c",  // 11
        "/a/b/{y...}",  // 12
        "/a/b/d",  // 13
    ]

    @Test(
        "A literal segment comes before {name}, and {name} before {name...}",
        arguments: [
            ("/", "8"), ("/tasks", "3"), ("/tasks/", "9"), ("/tasks/7", "1 7"), ("/tasks/open", "2"),
            ("/tasks/7/notes/9", "4 7 9"), ("/tasks/open/notes/new", "5"), ("/other", "0 other"),
            ("/other/", "0 other/"), ("/users/latest", "7 users"), ("/tasks/latest", "1 latest"),
            ("/files/", "6 "), ("/files/a/b//c", "6 a/b//c"), ("/files", "6 "),
        ])
    func precedence(path: String, expected: String) throws {
        let table = try RouteTable(Self.paths.map { try route($0) })
        #expect(verdict(table, path: path) == expected)
    }

    @Test(
        "If the more specific branch has no match, the search backtracks to the next one",
        arguments: [
            // /tasks/open/notes/… exists as literals only up to "new".
            ("/tasks/open/notes/9", "4 open 9"),
            ("/tasks/open/notes", "0 tasks/open/notes"),
            // The rest below the literal b is nearer than {x}, which would fit too.
            ("/a/b/c", "12 c"), ("/a/b/d", "13"), ("/a/z/c", "11 z"), ("/a/z/d", "0 a/z/d"),
        ])
    func backtracking(path: String, expected: String) throws {
        let table = try RouteTable(Self.paths.map { try route($0) })
        #expect(verdict(table, path: path) == expected)
    }

    @Test("A parameter that was captured before backtracking is not reported")
    func captureGivenUp() throws {
        let table = try RouteTable([route("/{a}/{b}/x"), route("/{rest...}")])
        #expect(verdict(table, path: "/1/2/y") == "1 1/2/y")
        #expect(verdict(table, path: "/1/2/x") == "0 1 2")
    }

    @Test("{name} matches exactly one segment that is not empty")
    func emptySegments() throws {
        let table = try RouteTable([route("/a/{x}"), route("/a/{x}/b")])
        #expect(verdict(table, path: "/a/") == "none")
        #expect(verdict(table, path: "/a//b") == "none")
        #expect(verdict(table, path: "/a/1/2") == "none")
        #expect(verdict(table, path: "//a/1") == "none")
        #expect(verdict(table, path: "/a") == "none")
    }

    @Test("An absolute target without a path means /")
    func emptyPath() throws {
        #expect(verdict(try RouteTable([route("/")]), path: "") == "0")
        #expect(verdict(try RouteTable([route("/{all...}")]), path: "") == "0 ")
        #expect(verdict(try RouteTable([route("/{one}")]), path: "") == "none")
    }

    @Test(
        "Exact host, then the longest *. host, then none, ignoring case, port and a trailing dot",
        arguments: [
            ("api.example.com", "/x", "1"), ("API.Example.COM:8080", "/x", "1"), ("api.example.com.", "/x", "1"),
            ("api.example.com.:80", "/x", "1"), ("www.example.com", "/x", "2"), ("a.b.example.com", "/x", "2"),
            ("v1.api.example.com", "/x", "3"), ("example.com", "/x", "0"), ("badexample.com", "/x", "0"),
            (".example.com", "/x", "0"), ("[::1]:8080", "/x", "4"), ("[::1]", "/x", "4"), ("", "/x", "0"),
            // No route of the more specific host fits.
            ("api.example.com", "/y", "5"), ("www.example.com", "/z", "6"), ("v1.api.example.com", "/y", "5"),
            ("api.example.com", "/nothing", "none"),
        ])
    func hosts(host: String, path: String, expected: String) throws {
        let table = try RouteTable([
            route("/x"), route("/x", host: .exact("api.example.com")), route("/x", host: .suffix(".example.com")),
            route("/x", host: .suffix(".api.example.com")), route("/x", host: .exact("[::1]")),
            route("/y", host: .suffix(".example.com")), route("/z"),
        ])
        #expect(verdict(table, host: host, path: path) == expected)
    }

    @Test("A host of thousands of labels costs no more than its longest possible suffix")
    func manyLabels() throws {
        let table = try RouteTable([route("/x", host: .suffix(".example.com"))])
        let host = String(repeating: "a.", count: 15_000) + "example.com"
        #expect(verdict(table, host: host, path: "/x") == "0")
    }

    @Test("Two routes that match the same requests are an error")
    func indistinguishable() throws {
        #expect(throws: RouteTableFault.indistinguishable(route: 1, from: 0)) {
            _ = try RouteTable([route("/a/{x}"), route("/a/{y}")])
        }
        #expect(throws: RouteTableFault.indistinguishable(route: 2, from: 0)) {
            _ = try RouteTable([route("/{x...}"), route("/a"), route("/{y...}")])
        }
        #expect(throws: Never.self) { _ = try RouteTable([route("/a"), route("/a", host: .exact("b"))]) }
    }

    @Test("A pattern with more parameters than a match can hold is an error")
    func parameterLimit() throws {
        let eight = (1...8).map { "/{p\($0)}" }.joined()
        #expect(verdict(try RouteTable([route(eight)]), path: "/1/2/3/4/5/6/7/8") == "0 1 2 3 4 5 6 7 8")
        #expect(PathPattern.parameterLimit == RouteMatch.parameterLimit)
        #expect(throws: ValueFault.self) { _ = try PathPattern(parsing: eight + "/{p9...}") }
    }

    @Test("Every one of many routes is found")
    func manyRoutes() throws {
        let table = try RouteTable(RouteTiming.routes(count: 1_000))
        for number in 0..<1_000 {
            #expect(verdict(table, path: "/v1/resource\(number)/77/items") == "\(number) 77")
        }
    }
}

@Suite("RFC 3986 §6.2.2: how paths are compared")
struct TargetPathTests {
    @Test(
        "Segments are compared percent-decoded, and an encoded slash is not a separator",
        arguments: [
            ("/t%61sks/7", "0 7"), ("/tasks/%37", "0 %37"), ("/tasks/a%2Fb", "0 a%2Fb"), ("/tasks%2F7", "none"),
            ("/r%c3%A9sum%C3%a9/a:b", "1"), ("/r%C3%A9sum%C3%A9/a%3ab", "1"), ("/Tasks/7", "none"),
            ("/tasks/a%25b", "0 a%25b"), ("/tasks/%", "malformedEncoding"), ("/tasks/%4", "malformedEncoding"),
            ("/tasks/%zz", "malformedEncoding"), ("/tasks/a%00", "encodedNull"), ("/x%2Fy", "2"),
        ])
    func encodings(path: String, expected: String) throws {
        let table = try RouteTable([route("/tasks/{id}"), route("/r%C3%A9sum%C3%A9/a:b"), route("/x%2Fy")])
        #expect(verdict(table, path: path) == expected)
    }

    @Test(
        "A dot segment is rejected in every form that an origin may treat as one",
        arguments: [
            "/.", "/..", "/../b", "/a/../b", "/a/./b", "/a/..", "/%2e%2e/b", "/%2E/b", "/.%2e", "/a/%2e.", "/a/..%2Fb",
            "/a%2f..%2fb", "/a/..\\b", "/a\\..\\b", "/a/..%5Cb", "/a%5c..", "/a/..;/b", "/a/.;x=1", "/a/%2e%2e%3bx",
        ])
    func dotSegments(path: String) throws {
        #expect(verdict(try RouteTable([route("/{all...}")]), path: path) == "dotSegment")
    }

    @Test(
        "Dots that aren't a dot segment are accepted",
        arguments: [
            "/...", "/.well-known/x", "/a..b", "/a/b..", "/..a", "/a/b.", "/;..", "/a;v=../b", "/x.tar.gz",
            "/a//b",
        ])
    func otherDots(path: String) throws {
        #expect(verdict(try RouteTable([route("/{all...}")]), path: path) == "0 \(path.dropFirst())")
    }

    @Test("A path that doesn't start with a slash is rejected", arguments: ["*", "tasks", "%2Ftasks"])
    func notAbsolute(path: String) throws {
        #expect(verdict(try RouteTable([route("/{all...}")]), path: path) == "notAbsolute")
    }
}
