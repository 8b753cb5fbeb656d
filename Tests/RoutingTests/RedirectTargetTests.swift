import Bytes
import Configuration
import HTTPWire
import Testing

@testable import Routing

@Suite("Where a redirect sends clients")
struct RedirectTargetTests {
    /// nil if Larder refuses.
    private func target(_ to: String, _ path: String, of pattern: String, host: String = "Api.Example:8080") throws
        -> String?
    {
        var route = Route(path: try PathPattern(parsing: pattern), upstream: "")
        let redirect = try Redirect(to: to)
        route.action = .redirect(redirect)
        let request = try SyntheticRequest(url: "http://\(host)\(path)")
        let bytes = request.bytes.span
        guard case .matched(let match) = try RouteTable([route]).match(request.head, in: bytes) else {
            return "no route"
        }
        var output = ByteBuffer()
        guard RedirectTarget(redirect, of: route).append(request.head, bytes, match, to: &output) else { return nil }
        return String(decoding: output.span.copied(), as: UTF8.self)
    }

    @Test(
        "Parameters, host, path and query go in",
        arguments: [
            ("/{rest...}", "https://{host}{path}?{query}", "/a/b?c=d", "https://api.example/a/b?c=d"),
            ("/{rest...}", "https://{host}{path}?{query}", "/a/b", "https://api.example/a/b"),
            ("/{rest...}", "https://{host}:8443/x?y=1&{query}", "/a?z=2", "https://api.example:8443/x?y=1&z=2"),
            ("/{rest...}", "https://{host}:8443/x?y=1&{query}", "/a", "https://api.example:8443/x?y=1"),
            ("/old/{id}", "/new/{id}", "/old/%7e%2f", "/new/~%2F"),
            ("/old/{id}", "/new/{id}.html", "/old/7", "/new/7.html"),
            ("/old/{rest...}", "/new/{rest}", "/old", "/new"), ("/old/{rest...}", "/new/{rest}", "/old/", "/new/"),
            ("/old/{rest...}", "/new/{rest}?{query}", "/old?a", "/new?a"), ("/old/{rest...}", "/{rest}", "/old", "/"),
            ("/x", "https://example.com", "/x", "https://example.com"), ("/x", "{path}/", "/x", "/x/"),
        ])
    func targets(pattern: String, to: String, path: String, expected: String) throws {
        #expect(try target(to, path, of: pattern) == expected)
    }

    @Test(
        "No client chooses the host",
        arguments: [
            ("/old/{rest...}", "/{rest}", "/old//evil.example"), ("/{rest...}", "{path}", "//evil.example"),
        ])
    func foreign(pattern: String, to: String, path: String) throws { #expect(try target(to, path, of: pattern) == nil) }

    @Test(
        "What can't stand in a URI is percent-encoded",
        arguments: [
            ("/old/\\evil.example", "/%5Cevil.example"), ("/old/a\"<>^`{|}", "/a%22%3C%3E%5E%60%7B%7C%7D"),
            ("/old/%0d%0aSet-Cookie:x", "/%0D%0ASet-Cookie:x"),
        ])
    func encoding(path: String, expected: String) throws {
        #expect(try target("/{rest}", path, of: "/old/{rest...}") == expected)
    }

    @Test(
        "A target must say its host itself, or take the client's",
        arguments: [
            ("example.com", "write https://example.com"), ("//example.com/x", nil), ("{rest}", "write /{rest}"),
            ("{host}{path}", "write https://{host}{path}"), ("https://{rest}", "write the host"),
            ("https://example.com{rest}", "write a slash"), ("https://{host}{rest}/", "write a slash"),
            ("https://{host}.evil/", "write a slash"), ("https://{host}@evil/", "write a slash"),
            ("https://{host}:80{rest}", "write a slash"), ("https:///x", nil), ("javascript:alert(1)", nil),
            ("/{path}", "remove one slash"), ("/a b", "write %20"), ("/a\r\nX: y", "write %20"), ("/{rest", nil),
            ("/{uri}", "write {path}?{query}"), ("/{rest...}", "write {rest}"), ("/{id|x}", "write {id}"),
        ] as [(String, String?)])
    func faults(to: String, hint: String?) throws {
        do throws(ValueFault) {
            _ = try Redirect(to: to)
            Issue.record("\(to) is accepted")
        } catch {
            if let hint { #expect(error.hint?.hasPrefix(hint) == true, "\(error)") }
        }
    }
}
