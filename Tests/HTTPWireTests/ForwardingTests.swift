import Bytes
import HTTPSemantics
import Testing

@testable import HTTPWire

private func forwarded(
    _ message: String, framing: BodyFraming? = nil, _ change: (inout RequestForwarding) -> Void = { _ in }
) throws -> [String] {
    let sent = try head(message)
    var plan = RequestForwarding(
        framing: framing ?? sent.head.framing, upstreamHost: Array("origin:9000".utf8),
        peerAddress: AddressText(v4: 0xc000_0207))
    change(&plan)
    var output = ByteBuffer()
    Forwarding.appendRequest(sent.head, sent.bytes.span, plan, to: &output)
    Forwarding.endHead(&output)
    let written = text(output)
    #expect(written.hasSuffix("\r\n\r\n"))
    return written.split(separator: "\r\n").map(String.init)
}

private func delivered(
    _ message: String, answering method: Method = .get, _ change: (inout ResponseForwarding) -> Void = { _ in }
) throws -> [String] {
    let received = try response(message, answering: method)
    var plan = ResponseForwarding(framing: received.head.framing)
    change(&plan)
    var output = ByteBuffer()
    Forwarding.appendResponse(received.head, received.bytes.span, plan, to: &output)
    Forwarding.endHead(&output)
    return text(output).split(separator: "\r\n").map(String.init)
}

@Suite("RFC 9110 §7.6, RFC 9112 §3: forwarding requests")
struct RequestForwardingTests {
    static let own = [
        "Via: 1.1 larder", "X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: http", "X-Forwarded-Host: a",
        "Forwarded: for=192.0.2.7;host=a;proto=http",
    ]

    @Test("a plain request gains this hop's fields and nothing else")
    func plain() throws {
        let lines = try forwarded("GET /x?y HTTP/1.1\r\nhost:a\r\nACCEPT:\t*/* \r\n\r\n")
        #expect(lines == ["GET /x?y HTTP/1.1", "Host: a", "ACCEPT: */*"] + Self.own)
    }

    @Test("Connection, the fields that it names and other hop-by-hop fields are removed")
    func hopByHop() throws {
        let lines = try forwarded(
            """
            GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-A, cookie\r\nKeep-Alive: 5\r\nProxy-Connection: b\r\nTE: trailers\r
            Upgrade: c\r\nProxy-Authorization: d\r\nX-A: e\r\nCookie: f\r\nAuthorization: g\r\nTrailer: h\r\nX-B: i\r\n\r\n
            """)
        #expect(lines == ["GET / HTTP/1.1", "Host: a", "Authorization: g", "X-B: i"] + Self.own)
    }

    @Test(
        "the request line is in origin-form",
        arguments: [
            ("GET http://b/c?d HTTP/1.0", "GET /c?d HTTP/1.1", "Host: b"),
            ("GET http://b HTTP/1.1", "GET / HTTP/1.1", "Host: b"),
            ("GET http://b?c HTTP/1.1", "GET /?c HTTP/1.1", "Host: b"),
            ("OPTIONS * HTTP/1.1", "OPTIONS * HTTP/1.1", "Host: a"),
            ("OPTIONS http://b HTTP/1.1", "OPTIONS * HTTP/1.1", "Host: b"),
            ("OPTIONS http://b/ HTTP/1.1", "OPTIONS / HTTP/1.1", "Host: b"),
            ("M / HTTP/1.1", "M / HTTP/1.1", "Host: a"),
        ])
    func requestLine(_ sent: String, _ line: String, _ host: String) throws {
        #expect(try forwarded("\(sent)\r\nHost: a\r\n\r\n").prefix(2) == [line, host])
    }

    @Test("Host is the upstream's if configured, or if the client sent none")
    func host() throws {
        #expect(
            try forwarded("GET / HTTP/1.1\r\nHost: a\r\n\r\n") { $0.keepsClientHost = false }[1] == "Host: origin:9000")
        #expect(try forwarded("GET / HTTP/1.0\r\n\r\n")[1] == "Host: origin:9000")
    }

    @Test("framing is regenerated, whatever the client's was")
    func framing() throws {
        let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n"
        #expect(
            try forwarded(chunked).filter { $0.hasPrefix("T") || $0.hasPrefix("Content-L") } == [
                "Trailer: X", "Transfer-Encoding: chunked",
            ])
        let lines = try forwarded(chunked, framing: .length(7))
        #expect(lines.filter { $0.hasPrefix("T") || $0.hasPrefix("Content-L") } == ["Content-Length: 7"])
        #expect(
            try forwarded("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n").contains("Content-Length: 5"))
    }

    @Test("forwarding fields of an untrusted peer are replaced, those of a trusted peer extended")
    func forwardedFields() throws {
        let message = """
            GET / HTTP/1.1\r\nHost: [::1]:80\r\nX-Forwarded-For: 198.51.100.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: h\r
            Forwarded: for=x\r\nForwarded: for=y\r\nVia: 1.0 a\r\nVia: 1.1 b\r\n\r\n
            """
        let via = "Via: 1.0 a, 1.1 b, 1.1 larder"
        #expect(
            try forwarded(message) { $0.peerAddress = AddressText(v6: 0x2001_0db8 << 96 | 1) }.dropFirst(2) == [
                via, "X-Forwarded-For: 2001:db8::1", "X-Forwarded-Proto: http", "X-Forwarded-Host: [::1]:80",
                "Forwarded: for=\"[2001:db8::1]\";host=\"[::1]:80\";proto=http",
            ])
        #expect(
            try forwarded(message) { $0.isPeerTrusted = true }.dropFirst(2) == [
                via, "X-Forwarded-For: 198.51.100.1, 192.0.2.7", "X-Forwarded-Proto: http", "X-Forwarded-Host: h",
                "Forwarded: for=x, for=y, for=192.0.2.7;host=\"[::1]:80\";proto=http",
            ])
    }

    @Test("where a response may be shared, the origin is told one host, in the key's form, and one path")
    func shareable() throws {
        let message = """
            GET /%7ea?b=%7e HTTP/1.1\r\nHost: API.Example:80\r\nX-Forwarded-For: 198.51.100.1\r\nX-Forwarded-Host: evil\r
            Forwarded: for=x;host=evil\r\nX-Forwarded-Port: 6\r\nX-Forwarded-Prefix: //evil\r\n\r\n
            """
        let lines = try forwarded(message) {
            $0.isPeerTrusted = true
            $0.isShareable = true
            $0.path = Array("/~a".utf8)
        }
        #expect(
            lines == [
                "GET /~a?b=%7e HTTP/1.1", "Host: api.example", "Via: 1.1 larder",
                "X-Forwarded-For: 198.51.100.1, 192.0.2.7", "X-Forwarded-Proto: http", "X-Forwarded-Host: api.example",
                "Forwarded: for=192.0.2.7;host=api.example;proto=http",
            ])
        let secure = try forwarded("GET / HTTP/1.1\r\nHost: A:443\r\n\r\n") {
            $0.isShareable = true
            $0.isClientSecure = true
        }
        #expect(secure[1] == "Host: a")
    }

    @Test("other forwarding fields are a trusted peer's only, and with underscores nobody's")
    func otherForwardingFields() throws {
        let message = """
            GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Port: 1\r\nx-forwarded-prefix: /p\r\nX_Forwarded_Host: evil\r
            X-Forwarded_Proto: https\r\nX-Forwarded: 2\r\nX-Forwardedness-Of: 3\r\n\r\n
            """
        let rest = ["X-Forwarded: 2", "X-Forwardedness-Of: 3"]
        let stranger = try forwarded(message)
        #expect(Array(stranger[2..<(stranger.count - 5)]) == rest)
        let trusted = try forwarded(message) { $0.isPeerTrusted = true }
        #expect(
            Array(trusted[2..<(trusted.count - 5)]) == ["X-Forwarded-Port: 1", "x-forwarded-prefix: /p"] + rest)
    }

    @Test("Max-Forwards is decremented for OPTIONS and TRACE only")
    func maxForwards() throws {
        #expect(try forwarded("OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 10\r\n\r\n").contains("Max-Forwards: 9"))
        #expect(try forwarded("TRACE / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 1\r\n\r\n").contains("Max-Forwards: 0"))
        #expect(try forwarded("GET / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 10\r\n\r\n").contains("Max-Forwards: 10"))
        let sent = try head("OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n")
        let remaining = sent.head.maxForwards(in: sent.bytes.span)
        #expect(remaining == 0)
    }

    @Test("conditionals are removed if the response is to be stored")
    func dropping() throws {
        let message =
            "GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: b\r\nRange: bytes=1-2\r\nIf-Range: c\r\nAccept: d\r\n\r\n"
        #expect(try forwarded(message) { $0.dropping = .conditionals }.dropLast(5).dropFirst(2) == ["Accept: d"])
        #expect(try forwarded(message).count == 11)
    }

    @Test(
        "a selection's query replaces the client's, and an absent one leaves no question mark",
        arguments: [
            ("/x?a=1&b=2", "b=2", "/x?b=2"), ("/x?a=1", nil, "/x"), ("/x?", nil, "/x"), ("/x", nil, "/x"),
            ("/%7e?a", "a", "/%7e?a"), ("http://a/x?c", nil, "/x"), ("http://a?c", "c", "/?c"), ("http://a", nil, "/"),
        ] as [(String, String?, String)])
    func selectedQuery(_ target: String, _ query: String?, _ expected: String) throws {
        let lines = try forwarded("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n") {
            $0.selection = RequestSelection(fields: [])
            $0.selection?.query = query.map { Array($0.utf8) }
        }
        #expect(lines == ["GET \(expected) HTTP/1.1", "Host: a"] + Self.own)
    }

    @Test("only selected fields are forwarded, in any case, unless Connection names them, with the selection's cookies")
    func selectedFields() throws {
        let message = """
            GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nACCEPT: b\r\nX-B: 2\r\nCookie: c=1; d=2\r\nMax-Forwards: 3\r
            User-Agent: e\r\nx-a: 4\r\nX-C: 5\r\nConnection: x-c\r\n\r\n
            """
        let lines = try forwarded(message) {
            $0.selection = RequestSelection(fields: [.accept, .other])
            $0.selection?.otherFields = [Array("x-a".utf8), Array("x-c".utf8)]
            $0.selection?.cookies = Array("c=1".utf8)
        }
        #expect(lines == ["GET / HTTP/1.1", "Host: a", "X-A: 1", "ACCEPT: b", "x-a: 4", "Cookie: c=1"] + Self.own)
    }

    @Test("Expect, TE and Upgrade are forwarded only if configured")
    func onlyIfAsked() throws {
        let expecting = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n"
        #expect(try !forwarded(expecting).contains { $0.hasPrefix("Expect") })
        #expect(try forwarded(expecting) { $0.forwardsExpect = true }.contains("Expect: 100-continue"))
        let trailers = "GET / HTTP/1.1\r\nHost: a\r\nConnection: TE\r\nTE: trailers, deflate\r\n\r\n"
        #expect(try forwarded(trailers) { $0.acceptsTrailers = true }.suffix(2) == ["TE: trailers", "Connection: TE"])
        let upgrade =
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: b\r\n\r\n"
        let lines = try forwarded(upgrade) { $0.connection = .upgrade }
        #expect(lines.suffix(2) == ["Connection: Upgrade", "Upgrade: websocket"] && lines[2] == "Sec-WebSocket-Key: b")
        #expect(try forwarded(upgrade) { $0.connection = .close }.last == "Connection: close")
    }

    @Test("a HEAD can be sent as GET")
    func method() throws {
        #expect(try forwarded("HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n") { $0.method = .get }[0] == "GET /a HTTP/1.1")
    }

    @Test("what is forwarded parses to the same request", arguments: PieceTests.messages)
    func roundTrip(_ message: String) throws {
        let sent = try request(message)
        let received = try request(try forwarded(message).joined(separator: "\r\n") + "\r\n\r\n")
        #expect(received.method == sent.method && received.path == sent.path && received.query == sent.query)
        #expect(received.authority == sent.authority && received.framing == sent.framing)
    }
}

@Suite("RFC 9110 §7.6, RFC 9112 §4: forwarding responses")
struct ResponseForwardingTests {
    @Test("the status line and the end-to-end fields are kept, the framing is regenerated")
    func plain() throws {
        let lines = try delivered(
            "HTTP/1.0 200 Fine\r\nContent-Length: 5\r\nConnection: keep-alive, x\r\nX: y\r\nKeep-Alive: 5\r\nETag: \"a\"\r\nVia: 1.1 b\r\n\r\n"
        )
        #expect(lines == ["HTTP/1.1 200 Fine", "ETag: \"a\"", "Content-Length: 5", "Via: 1.1 b, 1.0 larder"])
    }

    @Test("Connection is this hop's own")
    func connection() throws {
        let message = "HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\nTrailer: A\r\n\r\n"
        #expect(
            try delivered(message) == [
                "HTTP/1.1 200 Fine", "Trailer: A", "Transfer-Encoding: chunked", "Via: 1.1 larder",
            ])
        #expect(
            try delivered(message) {
                $0.connection = .keepAlive
                $0.framing = .length(1)
            }.suffix(3) == [
                "Content-Length: 1", "Via: 1.1 larder", "Connection: keep-alive",
            ])
        #expect(
            try delivered(message) {
                $0.connection = .close
                $0.framing = .untilClose
            } == [
                "HTTP/1.1 200 Fine", "Via: 1.1 larder", "Connection: close",
            ])
        #expect(
            try delivered("HTTP/1.1 101 S\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\n") {
                $0.connection = .upgrade
                $0.appendsVia = false
            } == ["HTTP/1.1 101 S", "Connection: Upgrade", "Upgrade: a"])
    }

    @Test("a response to HEAD keeps the length of the content that isn't sent")
    func headLength() throws {
        let lines = try delivered("HTTP/1.1 200 X\r\nContent-Length: 5\r\n\r\n", answering: .head) {
            $0.declaredContentLength = 5
            $0.dropping = [.via]
        }
        #expect(lines.contains("Content-Length: 5"))
    }
}
