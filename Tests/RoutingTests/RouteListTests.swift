import Configuration
import Testing

@testable import Routing

@Suite("A route with several paths and hosts is one route")
struct RouteListTests {
    private func table(_ paths: [String], hosts: [HostPattern] = [.any]) throws -> (RouteTable, Route) {
        var list = try route("/")
        list.paths = try paths.map { try PathPattern(parsing: $0) }
        list.hosts = hosts
        return (try RouteTable([list, route("/other/{x}")]), list)
    }

    @Test("Each path for each host leads to it, and nothing else does")
    func pairs() throws {
        let (table, _) = try table(["/a", "/b/c"], hosts: [.exact("x.example"), .suffix(".y.example")])
        for host in ["x.example", "1.y.example"] {
            #expect(verdict(table, host: host, path: "/a") == "0")
            #expect(verdict(table, host: host, path: "/b/c") == "0")
            #expect(verdict(table, host: host, path: "/c") == "none")
        }
        #expect(verdict(table, host: "y.example", path: "/a") == "none")
    }

    @Test("Parameters have the order of the first path, and those that not all paths have are nobody's")
    func order() throws {
        let (table, list) = try table(["/a/{x}/{y}", "/b/{y}/in/{x}", "/c/{z}/{y}/{x...}"])
        #expect(list.parameterNames == ["x", "y"])
        #expect(verdict(table, path: "/a/1/2") == "0 1 2")
        #expect(verdict(table, path: "/b/2/in/1") == "0 1 2")
        #expect(verdict(table, path: "/c/3/2/1/1") == "0 1/1 2")
    }

    @Test("A key template means the same for each of the paths")
    func keys() throws {
        var settings = try cache(key: "{x}:{y}")
        settings.timeout = .seconds(60)
        var list = try route("/", cache: settings)
        list.paths = try ["/a/{x}/{y}", "/b/{y}/in/{x}"].map { try PathPattern(parsing: $0) }
        #expect(try keyText(list, "http://h/a/1/2") == "1:2")
        #expect(try keyText(list, "http://h/b/2/in/1") == "1:2")
    }

    @Test("Two routes that have one path for one host in common can't be told apart")
    func indistinguishable() throws {
        var first = try route("/a")
        first.paths = try ["/a", "/b/{x}"].map { try PathPattern(parsing: $0) }
        #expect(throws: RouteTableFault.indistinguishable(route: 1, from: 0)) {
            _ = try RouteTable([first, route("/b/{y}")])
        }
        #expect(throws: Never.self) { _ = try RouteTable([first, route("/b/{y}", host: .exact("h"))]) }
    }
}

@Suite("/users/{rest...} takes /users too")
struct MissingRestTests {
    @Test(
        "Unless a route ends there",
        arguments: [
            (["/users/{rest...}"], "/users", "0 "), (["/users/{rest...}"], "/users/", "0 "),
            (["/users/{rest...}"], "/users/7/x", "0 7/x"), (["/users/{rest...}"], "/usersx", "none"),
            (["/users/{rest...}", "/users"], "/users", "1"), (["/users/{rest...}", "/users"], "/users/", "0 "),
            (["/users/{rest...}", "/{any}"], "/users", "0 "), (["/users/{rest...}", "/{all...}"], "/users", "0 "),
            (["/{a}/{rest...}", "/{all...}"], "/users", "0 users "), (["/{a}/{rest...}", "/{x}"], "/users", "1 users"),
            (["/v1/users/{rest...}"], "/v1", "none"), (["/{all...}"], "/", "0 "),
        ])
    func matches(paths: [String], path: String, expected: String) throws {
        #expect(verdict(try RouteTable(paths.map { try route($0) }), path: path) == expected)
    }

    @Test("A template has no value for it: /users is never served what /users/ was answered with")
    func keys() throws {
        let plain = try route("/users/{rest...}")
        #expect(try keyText(plain, "http://h/users") == "GET http://h/users")
        #expect(try keyText(plain, "http://h/users/") == "GET http://h/users/")
        let bare = try route("/users/{rest...}", cache: cache(key: "u:{rest}"))
        #expect(try keyText(bare, "http://h/users/") == "u:")
        #expect(throws: SyntheticRequestFault.noKey(.incomplete)) { _ = try keyText(bare, "http://h/users") }
        let empty = try route("/users/{rest...}", cache: cache(key: "u:{rest|}"))
        #expect(throws: SyntheticRequestFault.noKey(.incomplete)) { _ = try keyText(empty, "http://h/users") }
        let named = try route("/users/{rest...}", cache: cache(key: "u:{rest|index}"))
        #expect(try keyText(named, "http://h/users") == "u:index")
    }
}
