import Foundation
import TestSupport
import Testing

// What a gateway has to refuse (RFC 9112, RFC 9110 §5 and @7), byte for byte over a real socket. A refusal is one answer
// and the end of the connection, and the origin never sees the request nor what was smuggled in it.

/// A request that must be refused. `PATH` stands for a path that is the case's own.
struct Refusal: Sendable, CustomTestStringConvertible {
    let name: String
    let bytes: String
    let statuses: [Int]
    var testDescription: String { name }

    init(_ name: String, _ bytes: String, _ statuses: Int...) {
        self.init(name, bytes, statuses.isEmpty ? [400] : statuses)
    }

    init(_ name: String, _ bytes: String, _ statuses: [Int]) {
        self.name = name
        self.bytes = bytes
        self.statuses = statuses
    }
}

@Suite("RFC 9112: requests that are refused")
struct FramingTests {
    static let shared = Result { try Scene { .caching($0, cache: "timeout: 60s") } }
    let scene: Scene

    init() throws { scene = try Self.shared.get() }

    /// Sends the case, whole and then byte by byte, and looks at the one answer and at the origin.
    private func refuse(_ refusal: Refusal) throws {
        let path = scene.origin.script(200, body: "must not be reached")
        let bytes = Array(refusal.bytes.replacingOccurrences(of: "PATH", with: path).utf8)
        for isWhole in [true, false] {
            let client = try scene.larder.client(timeout: 8)
            if isWhole {
                try client.send(bytes)
            } else {
                // The daemon may have answered and closed before the last byte is sent.
                for byte in bytes { guard (try? client.send([byte])) != nil else { break } }
            }
            let reply = try client.readToEnd().text
            let head = Head(reply.components(separatedBy: "\r\n\r\n")[0].utf8)
            let how: Comment = "\(isWhole ? "whole" : "byte by byte"): \(reply)"
            #expect(refusal.statuses.contains(Response.status(of: head)), how)
            #expect(head["Content-Type"] == "application/problem+json", how)
            #expect(head["Connection"]?.lowercased() == "close", how)
            let content = reply.components(separatedBy: "\r\n\r\n").dropFirst().joined(separator: "\r\n\r\n")
            #expect(content.utf8.count == head.contentLength, "one answer and no more: \(how)")
            client.close()
        }
        #expect(!scene.origin.requests(for: path).contains { $0.isComplete }, "the origin got it whole")
        #expect(scene.origin.count(for: "/smuggled") == 0)
    }

    @Test(
        "RFC 9112 §3: a malformed request line is refused",
        arguments: [
            Refusal("two spaces after the method", "GET  PATH HTTP/1.1\r\nHost: a\r\n\r\n"),
            Refusal("a tab between method and target", "GET\tPATH HTTP/1.1\r\nHost: a\r\n\r\n"),
            Refusal("a tab before the version", "GET PATH\tHTTP/1.1\r\nHost: a\r\n\r\n"),
            Refusal("a space inside the target", "GET PATH x HTTP/1.1\r\nHost: a\r\n\r\n"),
            Refusal("a space after the version", "GET PATH HTTP/1.1 \r\nHost: a\r\n\r\n"),
            Refusal("no version", "GET PATH\r\nHost: a\r\n\r\n", 400, 505),
            Refusal("no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n"),
            Refusal("a space before the method", " GET PATH HTTP/1.1\r\nHost: a\r\n\r\n"),
            Refusal("a method that is no token", "G(T PATH HTTP/1.1\r\nHost: a\r\n\r\n"),
            Refusal("a version in small letters", "GET PATH http/1.1\r\nHost: a\r\n\r\n", 400, 505),
            Refusal("a version with two digits", "GET PATH HTTP/1.10\r\nHost: a\r\n\r\n", 400, 505),
            Refusal("a version without a point", "GET PATH HTTP/11\r\nHost: a\r\n\r\n", 400, 505),
            Refusal("version 2.0", "GET PATH HTTP/2.0\r\nHost: a\r\n\r\n", 505),
            Refusal("version 3.0", "GET PATH HTTP/3.0\r\nHost: a\r\n\r\n", 505),
            Refusal("version 0.9", "GET PATH HTTP/0.9\r\nHost: a\r\n\r\n", 505),
            Refusal("a fragment in the target", "GET PATH#part HTTP/1.1\r\nHost: a\r\n\r\n"),
            Refusal("a NUL in the target", "GET PATH\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
            Refusal("a control character in the target", "GET PATH\u{7f} HTTP/1.1\r\nHost: a\r\n\r\n"),
            Refusal("a bare CR in the request line", "GET PATH\rX HTTP/1.1\r\nHost: a\r\n\r\n"),
            Refusal("a bare LF after the request line", "GET PATH HTTP/1.1\nHost: a\r\n\r\n"),
            Refusal("asterisk-form with GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
            Refusal("authority-form with GET", "GET a.example:80 HTTP/1.1\r\nHost: a.example:80\r\n\r\n"),
            Refusal("a target without a slash", "GET index.html HTTP/1.1\r\nHost: a\r\n\r\n"),
            Refusal("absolute-form without an authority", "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n"),
            Refusal("absolute-form with user information", "GET http://u:p@aPATH HTTP/1.1\r\nHost: a\r\n\r\n"),
        ])
    func requestLine(_ refusal: Refusal) throws { try refuse(refusal) }

    @Test("RFC 9110 §9.3.6: CONNECT is not what a gateway does")
    func connect() throws {
        let client = try scene.larder.client()
        try client.send("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n")
        let response = try client.readResponse()
        #expect([400, 405, 501].contains(response.status))
        #expect(response["Content-Type"] == "application/problem+json")
        #expect(!scene.origin.requests().contains { $0.method == "CONNECT" })
    }

    @Test(
        "RFC 9112 §3.2: a request has exactly one valid Host",
        arguments: [
            Refusal("no Host", "GET PATH HTTP/1.1\r\nX: y\r\n\r\n"),
            Refusal("two hosts", "GET PATH HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
            Refusal("the same host twice", "GET PATH HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
            Refusal("a second host in other letters", "GET PATH HTTP/1.1\r\nHost: a\r\nhOsT: b\r\n\r\n"),
            Refusal("no host beside absolute-form", "GET http://aPATH HTTP/1.1\r\nX: y\r\n\r\n"),
            Refusal("two hosts beside absolute-form", "GET http://aPATH HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
            Refusal("a list", "GET PATH HTTP/1.1\r\nHost: a, b\r\n\r\n"),
            Refusal("a space inside", "GET PATH HTTP/1.1\r\nHost: a b\r\n\r\n"),
            Refusal("a path", "GET PATH HTTP/1.1\r\nHost: a/b\r\n\r\n"),
            Refusal("user information", "GET PATH HTTP/1.1\r\nHost: u@a\r\n\r\n"),
            Refusal("a port that is no number", "GET PATH HTTP/1.1\r\nHost: a:8x\r\n\r\n"),
            Refusal("a port too large", "GET PATH HTTP/1.1\r\nHost: a:99999\r\n\r\n"),
            Refusal("a bracket that stays open", "GET PATH HTTP/1.1\r\nHost: [::1\r\n\r\n"),
        ])
    func host(_ refusal: Refusal) throws { try refuse(refusal) }

    @Test(
        "RFC 9112 §5: a malformed field line is refused",
        arguments: [
            Refusal("a space before the colon", "GET PATH HTTP/1.1\r\nHost: a\r\nX-A : b\r\n\r\n"),
            Refusal("a tab before the colon", "GET PATH HTTP/1.1\r\nHost: a\r\nX-A\t: b\r\n\r\n"),
            Refusal("a space before the colon of Host", "GET PATH HTTP/1.1\r\nHost : a\r\n\r\n"),
            Refusal("a space before the first field", "GET PATH HTTP/1.1\r\n Host: a\r\nHost: a\r\n\r\n"),
            Refusal("obs-fold with a space", "GET PATH HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n"),
            Refusal("obs-fold with a tab", "GET PATH HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\tc\r\n\r\n"),
            Refusal("a NUL in a value", "GET PATH HTTP/1.1\r\nHost: a\r\nX-A: b\0c\r\n\r\n"),
            Refusal("a NUL in a name", "GET PATH HTTP/1.1\r\nHost: a\r\nX\0A: b\r\n\r\n"),
            Refusal("a bare CR in a value", "GET PATH HTTP/1.1\r\nHost: a\r\nX-A: b\rc\r\n\r\n"),
            Refusal("a bare LF after a field", "GET PATH HTTP/1.1\r\nHost: a\nX-A: b\r\n\r\n"),
            Refusal("a bare LF in the middle", "GET PATH HTTP/1.1\r\nHost: a\r\nX-A: b\nX-B: c\r\n\r\n"),
            Refusal("bare LF alone", "GET PATH HTTP/1.1\nHost: a\n\n"),
            Refusal("an empty line of LF alone", "GET PATH HTTP/1.1\r\nHost: a\r\n\n"),
            Refusal("CR CR LF", "GET PATH HTTP/1.1\r\nHost: a\r\r\n\r\n"),
            Refusal("no name", "GET PATH HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"),
            Refusal("no colon", "GET PATH HTTP/1.1\r\nHost: a\r\nX-A\r\n\r\n"),
            Refusal("a name that is no token", "GET PATH HTTP/1.1\r\nHost: a\r\nX(A): b\r\n\r\n"),
            Refusal("a space inside a name", "GET PATH HTTP/1.1\r\nHost: a\r\nX A: b\r\n\r\n"),
        ])
    func fieldLine(_ refusal: Refusal) throws { try refuse(refusal) }

    @Test(
        "RFC 9112 §6.3: an invalid Content-Length is refused",
        arguments: [
            Quoted("6\r\nContent-Length: 5"), "5\r\nContent-Length: 6", "5, 6", "+5", "-5", "0x5", "5 5", "5.0", "1e1",
            "five", "",
            "99999999999999999999", "18446744073709551616", "18446744073709551619", "18446744073709551621",
            "9223372036854775808", "5;", "\"5\"", "5,",
        ])
    func contentLength(_ value: Quoted) throws {
        try refuse(
            Refusal("Content-Length", "POST PATH HTTP/1.1\r\nHost: a\r\nContent-Length: \(value.text)\r\n\r\nhello"))
    }

    @Test(
        "RFC 9112 §6.1: Transfer-Encoding that leaves the framing open is refused",
        arguments: [
            Refusal("with Content-Length", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
            Refusal("after Content-Length", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
            Refusal("with a tab and Content-Length", "Content-Length: 5\r\nTransfer-Encoding:\tchunked\r\n"),
            Refusal("in capitals with Content-Length", "Content-Length: 5\r\nTRANSFER-ENCODING: CHUNKED\r\n"),
            Refusal("chunked not last", "Transfer-Encoding: chunked, identity\r\n", 400, 501),
            Refusal(
                "chunked not last, on two lines", "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n", 400, 501),
            Refusal("chunked twice", "Transfer-Encoding: chunked, chunked\r\n"),
            Refusal("chunked twice, on two lines", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
            Refusal("identity", "Transfer-Encoding: identity\r\n", 400, 501),
            Refusal("xchunked", "Transfer-Encoding: xchunked\r\n", 400, 501),
            Refusal("an unknown coding before chunked", "Transfer-Encoding: cow, chunked\r\n", 501),
            Refusal("a vertical tab before chunked", "Transfer-Encoding: \u{b}chunked\r\n", 400, 501),
            Refusal("a quoted chunked", "Transfer-Encoding: \"chunked\"\r\n", 400, 501),
            Refusal("chunked with a parameter", "Transfer-Encoding: chunked;q=1\r\n", 400, 501),
            Refusal("empty", "Transfer-Encoding:\r\n", 400, 501),
            Refusal("a space before the colon", "Transfer-Encoding : chunked\r\n"),
            Refusal("folded", "Transfer-Encoding:\r\n chunked\r\n"),
            Refusal("behind a bare LF", "X: y\nTransfer-Encoding: chunked\r\n"),
            Refusal("behind a bare CR", "X: y\rTransfer-Encoding: chunked\r\n"),
        ])
    func transferEncoding(_ refusal: Refusal) throws {
        let smuggled = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
        let request = "POST PATH HTTP/1.1\r\nHost: a\r\n\(refusal.bytes)\r\n\(smuggled)"
        try refuse(Refusal(refusal.name, request, refusal.statuses))
    }

    @Test("RFC 9112 §6.1: Transfer-Encoding on HTTP/1.0 is refused")
    func transferEncodingOnOldVersion() throws {
        try refuse(
            Refusal("HTTP/1.0", "POST PATH HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"))
    }

    @Test(
        "RFC 9112 §7.1: a malformed chunk is refused and its request never completed",
        arguments: [
            Quoted("+5\r\nhello\r\n0\r\n\r\n"), "-5\r\nhello\r\n0\r\n\r\n", "0x5\r\nhello\r\n0\r\n\r\n",
            "g\r\nhello\r\n0\r\n\r\n",
            "\r\nhello\r\n0\r\n\r\n", "ffffffffffffffff5\r\nhello\r\n0\r\n\r\n",
            "10000000000000005\r\nhello\r\n0\r\n\r\n",
            " 5\r\nhello\r\n0\r\n\r\n", "5\nhello\r\n0\r\n\r\n", "5\r\nhello0\r\n\r\n", "5\r\nhello\n0\r\n\r\n",
            "5\r\nhelloX\r\n0\r\n\r\n", "5\rhello\r\n0\r\n\r\n", "5;a\nb\r\nhello\r\n0\r\n\r\n",
            "5;a\0b\r\nhello\r\n0\r\n\r\n",
            "5 5\r\nhello\r\n0\r\n\r\n", "5_\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n0\r\nX : y\r\n\r\n",
            "5\r\nhello\r\n0\r\n X: y\r\n\r\n",
            "5\r\nhello\r\n0\r\nX: y\n\r\n",
        ])
    func chunks(_ body: Quoted) throws {
        try refuse(Refusal("chunks", "POST PATH HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\(body.text)"))
    }

    @Test("RFC 9112 §7.1.1: chunk extensions without end are refused")
    func chunkExtensions() throws {
        let extensions = String(repeating: ";a=b", count: 64 << 10)
        let path = scene.origin.script(200)
        let client = try scene.larder.client()
        // The answer may come while the extensions are still being sent.
        _ = try? client.send(
            "POST \(path) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\(extensions)\r\nhello\r\n0\r\n\r\n"
        )
        let reply = try client.readToEnd().text
        #expect(reply.hasPrefix("HTTP/1.1 400 ") || reply.hasPrefix("HTTP/1.1 413 "))
        #expect(!scene.origin.requests(for: path).contains { $0.isComplete })
    }

    @Test("RFC 9112 §6.3: a refused request takes what was pipelined behind it along")
    func pipelinedBehind() throws {
        try refuse(Refusal("behind", "GET PATH HTTP/1.1\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"))
    }

    @Test("RFC 9112 §3.2.2: absolute-form replaces the Host, for the origin as well")
    func absoluteForm() throws {
        let path = scene.origin.script(200, ["Cache-Control: no-store"], body: "ok")
        let client = try scene.larder.client()
        try client.send("GET http://real.example\(path)?a=1 HTTP/1.1\r\nHost: forged.example\r\n\r\n")
        #expect(try client.readResponse().status == 200)
        let request = try #require(scene.origin.requests(for: path).first)
        #expect(request.head.all("Host") == ["real.example"])
        #expect(request.target == "\(path)?a=1")
    }

    @Test("RFC 9112 §2.2: empty lines before a request are skipped", arguments: [1, 2, 5])
    func leadingEmptyLines(count: Int) throws {
        let path = scene.origin.script(200, body: "ok")
        let client = try scene.larder.client()
        let lines = String(repeating: "\r\n", count: count)
        // Behind content too, where old clients send one more than they announced.
        try client.send("\(lines)POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab")
        #expect(try client.readResponse().status == 200)
        try client.send("\(lines)GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try client.readResponse().status == 200)
    }

    @Test("The origin receives a message made anew: one space, one Host, no odd white space")
    func regenerated() throws {
        let path = scene.origin.script(200, ["Cache-Control: no-store"], body: "ok")
        let client = try scene.larder.client()
        try client.send("GET \(path) HTTP/1.1\r\nhost:   a.example  \r\nX-A:\t b \t\r\nX-Empty:\r\n\r\n")
        #expect(try client.readResponse().status == 200)
        let request = try #require(scene.origin.requests(for: path).first)
        #expect(request["Host"] == "a.example")
        #expect(request["X-A"] == "b")
        #expect(request["X-Empty"] == "")
    }
}
