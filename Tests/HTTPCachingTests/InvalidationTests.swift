import HTTPSemantics
import Testing

@testable import HTTPCaching

@Suite("RFC 9111 §4.4 Invalidating stored responses")
struct InvalidationTests {
    @Test("A non-error response to an unsafe or unknown method invalidates", .tags(.must))
    func invalidating() {
        for method in Method.allCases {
            let isUnsafe = [.post, .put, .delete, .patch, .connect, .other].contains(method)
            for status in [200, 201, 204, 302, 399] { #expect(invalidates(method, Status(status)) == isUnsafe) }
            for status in [100, 400, 404, 500] { #expect(!invalidates(method, Status(status))) }
        }
    }

    @Test("Methods are case-sensitive", .tags(.must))
    func methods() {
        for (token, method) in [
            ("GET", Method.get), ("QUERY", .query), ("get", .other), ("", .other), ("GETT", .other),
        ] {
            let bytes = Array(token.utf8)
            let read = Method.recognise(bytes.span)
            #expect(read == method)
        }
    }

    @Test(
        "References of the target's origin are resolved against it", .tags(.must),
        arguments: [
            ("/tasks/7", "/tasks/7"), ("http://API.example:80/x?y=1#z", "/x?y=1"), ("http://api.example", "/"),
            ("//api.example/x", "/x"), ("8", "/tasks/8"), ("?q=1", "/tasks/7?q=1"), ("../users/./1", "/users/1"),
            ("..", "/"),
            ("../../../x", "/x"), (" /x ", "/x"), ("", "/tasks/7"), ("http://api.example?q", "/?q"),
            ("/a/b/../c/", "/a/c/"),
            ("HTTP://api.example:/x", "/x"),
        ])
    func same(reference: String, path: String) { #expect(resolve(reference) == path) }

    @Test(
        "References to another origin are ignored", .tags(.must),
        arguments: [
            "https://api.example/x", "http://other.example/x", "http://api.example:8080/x", "//other/x", "mailto:x",
            "http:/x",
            "http://user@api.example/x", "http://api.example@evil/x", "http:///x",
        ])
    func other(reference: String) { #expect(resolve(reference) == nil) }

    private func resolve(_ reference: String) -> String? {
        let (reference, scheme) = (Array(reference.utf8), Array("http".utf8))
        let (authority, path) = (Array("api.example".utf8), Array("/tasks/7".utf8))
        var text: [UInt8] = []
        let isSame = InvalidatedReference.appendPath(
            of: reference.span, scheme: scheme.span, authority: authority.span, path: path.span, into: &text)
        return isSame ? string(text) : nil
    }
}
