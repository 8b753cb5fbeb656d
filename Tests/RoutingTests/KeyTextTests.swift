import Configuration
import Testing

@testable import Routing

@Suite("The key text without a template")
struct KeyTextTests {
    @Test(
        "METHOD scheme://authority/path?query, normalised as RFC 3986 §6.2 allows",
        arguments: [
            ("http://example.com/tasks", "GET http://example.com/tasks"),
            ("HTTP://Example.COM:80/Tasks", "GET http://example.com/Tasks"),
            ("http://example.com:080/", "GET http://example.com/"),
            ("http://example.com:/", "GET http://example.com/"),
            ("http://example.com:8080/", "GET http://example.com:8080/"),
            ("http://example.com:443/", "GET http://example.com:443/"),
            ("https://example.com:443/", "GET https://example.com/"),
            ("https://example.com:80/", "GET https://example.com:80/"),
            ("http://[::1]:80/", "GET http://[::1]/"),
            ("http://[::1]/", "GET http://[::1]/"),
            ("http://[2001:DB8::80]/", "GET http://[2001:db8::80]/"),
            ("http://example.com", "GET http://example.com/"),
            ("http://example.com?b=1", "GET http://example.com/?b=1"),
            ("http://example.com/%7euser/%41%2f%c3%a9", "GET http://example.com/~user/A%2F%C3%A9"),
            ("http://example.com/a:b", "GET http://example.com/a:b"),
            ("http://example.com/a%3Ab", "GET http://example.com/a%3Ab"),
            ("http://example.com//a/", "GET http://example.com//a/"),
            ("http://example.com/a#fragment", "GET http://example.com/a"),
            ("http://example.com./a", "GET http://example.com./a"),
        ])
    func normalForm(url: String, expected: String) throws {
        #expect(try keyText(route("/{all...}"), url) == expected)
    }

    @Test(
        "HEAD becomes GET, other methods stay",
        arguments: [("GET", "GET"), ("HEAD", "GET"), ("OPTIONS", "OPTIONS"), ("get", "get")])
    func methods(method: String, written: String) throws {
        let text = try keyText(route("/{all...}"), method, "http://a/b")
        #expect(text.hasPrefix("\(written) http://a/b"))
    }

    @Test("Methods with content are keyed by the MD5 of it, also when it is empty")
    func bodies() throws {
        let all = try route("/{all...}")
        #expect(
            try keyText(all, "POST", "http://a/b?c", body: "abc")
                == "POST http://a/b?c body:900150983cd24fb0d6963f7d28e17f72")
        #expect(
            try keyText(all, "QUERY", "http://a/b") == "QUERY http://a/b body:d41d8cd98f00b204e9800998ecf8427e")
        #expect(try keyText(all, "GET", "http://a/b", body: "abc") == "GET http://a/b")
    }

    @Test("The Host field counts, without the scheme's default port")
    func hostField() throws {
        #expect(
            try keyText(route("/{all...}"), "http://a/b", fields: ["host: C.example:80"]) == "GET http://c.example/b")
    }
}

@Suite("The query in the key text")
struct KeyQueryTests {
    private func query(_ settings: CacheSettings, _ query: String) throws -> String {
        let text = try keyText(route("/{all...}", cache: settings), "http://a/" + query)
        return String(text.dropFirst("GET http://a/".count))
    }

    @Test(
        "Pairs are sorted by name, and pairs of one name keep their order",
        arguments: [
            ("?a=1", "?a=1"), ("?b=2&a=1", "?a=1&b=2"), ("?b=2&a=9&b=1&a=3", "?a=9&a=3&b=2&b=1"),
            ("?ab=1&a=2", "?a=2&ab=1"), ("?a-b=1&a=2", "?a=2&a-b=1"), ("?c&b&a", "?a&b&c"), ("?a=&a", "?a=&a"),
            ("?b=1&&a=2&", "?a=2&b=1"), ("?", ""), ("?&", ""), ("", ""), ("?=2&a=1", "?=2&a=1"),
            ("?%62=1&a=%7e%2f%2B+", "?a=~%2F%2B+&b=1"), ("?b=%&a=%4", "?a=%4&b=%"), ("?a=b=c&a?=/", "?a=b=c&a?=/"),
            ("?abcdefgh=1&abcdefg=2&abcdefghi=3&abcdefgh=0", "?abcdefg=2&abcdefgh=1&abcdefgh=0&abcdefghi=3"),
            ("?abcdefghz=1&abcdefgha=2&=3", "?=3&abcdefgha=2&abcdefghz=1"),
            ("?sort%5B%5D=2&sort[]=1&a=0", "?a=0&sort%5B%5D=2&sort[]=1"),
            ("?sort[]=1&a=0&sort%5b%5d=2&sort.=3", "?a=0&sort.=3&sort[]=1&sort%5B%5D=2"),
            ("?the+name=x&the%20name=y&the=1", "?the=1&the+name=x&the%20name=y"),
            ("?b=1&%00=2&a%00=3", "?%00=2&a%00=3&b=1"),
            ("?h=1&g=1&f=1&e=1&d=1&c=1&b=1&a=1&h=0", "?a=1&b=1&c=1&d=1&e=1&f=1&g=1&h=1&h=0"),
        ])
    func sorted(given: String, expected: String) throws {
        #expect(try query(cache(), given) == expected)
    }

    @Test("exact takes the query byte for byte", arguments: ["", "?", "?b=%7e&a=1&&", "?a=%2f"])
    func exact(given: String) throws {
        #expect(try query(cache(query: .exact), given) == given)
    }

    @Test("ignore leaves the query out", arguments: ["", "?", "?b=2&a=1"])
    func ignored(given: String) throws {
        #expect(try query(cache(query: .ignore), given) == "")
    }

    @Test(
        "query_allow and query_deny select pairs by globs of their names",
        arguments: [
            (["page", "f*"], [], "?utm=1&page=2&foo=3&f=4&of=5", "?f=4&foo=3&page=2"),
            ([], [], "?a=1", ""),
            (nil, ["utm_*", "fbclid"], "?utm_source=x&b=1&utm=2&fbclid=y&utm%5Fid=z&a=0", "?a=0&b=1&utm=2"),
            (nil, ["*"], "?a=1&b=2", ""),
            (nil, ["*id"], "?id=1&gid=2&idx=3&iidid=4", "?idx=3"),
            (nil, ["a*b*c"], "?abc=1&aXbYbZc=2&ac=3&abcd=4", "?abcd=4&ac=3"),
            (nil, ["a b"], "?a+b=1&a%20b=2&ab=3", "?ab=3"),
        ] as [([String]?, [String], String, String)])
    func filtered(allow: [String]?, deny: [String], given: String, expected: String) throws {
        #expect(try query(cache(allow: allow, deny: deny), given) == expected)
    }

    @Test("exact leaves pairs out by name too and changes nothing else")
    func exactFiltered() throws {
        #expect(try query(cache(query: .exact, deny: ["t"]), "?b=%7e&t=1&a=2") == "?b=%7e&a=2")
    }

    @Test("A query of thousands of pairs in the worst order is sorted like any other")
    func manyPairs() throws {
        let pairs = (0..<5_000).map { "k\(10_000 - $0)=\($0)" }
        let expected = pairs.sorted { $0.prefix { $0 != "=" } < $1.prefix { $0 != "=" } }
        #expect(try query(cache(), "?" + pairs.joined(separator: "&")) == "?" + expected.joined(separator: "&"))
    }

    @Test("A composer keeps nothing of the previous key")
    func reuse() throws {
        let all = try route("/{all...}")
        let table = try RouteTable([all])
        var composer = KeyComposer()
        for _ in 0..<2 {
            for (url, expected) in [("http://a/b?d=1&c=2", "GET http://a/b?c=2&d=1"), ("http://a/", "GET http://a/")] {
                try composer.compose(SyntheticRequest(url: url), by: table)
                #expect(text(of: composer) == expected)
            }
        }
    }
}
