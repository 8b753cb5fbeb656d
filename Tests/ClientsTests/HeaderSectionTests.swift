import Bytes
import HTTPWire
import TestSupport
import Testing

@testable import Clients

// The same rules without nghttp2, which knows most of them too: what can't be told apart in the bytes of a head never gets there.

@Suite("RFC 9113 §8.2, §8.3: a header section, field by field")
struct HeaderSectionTests {
    private func read(
        _ fields: [(String, String)], limits: HeadLimits = HeadLimits()
    ) -> (head: String, malformation: HeaderSection.Malformation?, overflow: WireError.Reason?) {
        var section = HeaderSection()
        var head = ByteBuffer()
        section.begin()
        for (name, value) in fields { section.append(name.utf8.span, value.utf8.span, limits: limits, to: &head) }
        section.end(&head)
        return (head.span.text(), section.malformation, section.overflow)
    }

    static let malformed: [(fields: [(String, String)], expected: HeaderSection.Malformation)] = [
        (HTTP2.request("GET", "/", [("a b", "1")]), .invalidName),
        (HTTP2.request("GET", "/", [("a:b", "1")]), .invalidName),
        (HTTP2.request("GET", "/", [("", "1")]), .invalidName),
        (HTTP2.request("GET", "/", [("a\r\nb", "1")]), .invalidName),
        (HTTP2.request("GET", "/", [("A", "1")]), .uppercaseName),
        (HTTP2.request("GET", "/", [("a", "1\r\nb: 2")]), .invalidValue),
        (HTTP2.request("GET", "/", [("a", "1\n")]), .invalidValue),
        (HTTP2.request("GET", "/", [("a", "\0")]), .invalidValue),
        (HTTP2.request("GET", "/", [("connection", "close")]), .connectionField),
        (HTTP2.request("GET", "/", [("transfer-encoding", "chunked")]), .connectionField),
        (HTTP2.request("GET", "/", [("te", "gzip")]), .invalidTE),
        (HTTP2.request("GET", "/", [("host", "other")]), .differingAuthority),
        (HTTP2.request("GET", "/", [("host", "h"), ("host", "h")]), .differingAuthority),
        (HTTP2.request("GET", "/", [(":path", "/")]), .repeatedPseudoField),
        (HTTP2.request("GET", "/", [(":status", "200")]), .unknownPseudoField),
        (HTTP2.request("GET", "/", [("x", "1"), (":x", "1")]), .pseudoFieldAfterField),
        (HTTP2.request("GET", ""), .emptyValue),
        (HTTP2.request("GET", "a"), .invalidTarget),
        (HTTP2.request("GET", "/ HTTP/1.1"), .invalidTarget),
        (HTTP2.request("GET", "/\r\n"), .invalidValue),
        (HTTP2.request("GET x", "/"), .invalidMethod),
        ([(":method", "GET"), (":path", "/"), (":authority", "h")], .missingPseudoField),
        ([(":method", "GET"), (":scheme", "http"), (":authority", "h")], .missingPseudoField),
        ([(":scheme", "http"), (":path", "/"), (":authority", "h")], .missingPseudoField),
        ([("x", "1")], .missingPseudoField),
        ([], .missingPseudoField),
        ([(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a b")], .invalidAuthority),
        (HTTP2.request("CONNECT", "/"), .unexpectedPseudoField),
        ([(":method", "CONNECT")], .missingPseudoField),
        ([(":method", "CONNECT"), (":protocol", "websocket"), (":authority", "h")], .missingPseudoField),
        ([(":protocol", "websocket")] + HTTP2.request(), .unexpectedPseudoField),
    ]

    @Test("What only HTTP/2 forbids is malformed", arguments: malformed.indices)
    func malformations(index: Int) {
        let (fields, expected) = Self.malformed[index]
        #expect(read(fields).malformation == expected)
    }

    @Test("CONNECT is a request of its own form; WebSocket's is an upgrade")
    func connect() throws {
        #expect(
            read([(":method", "CONNECT"), (":authority", "h:1")]).head == "CONNECT h:1 HTTP/1.1\r\nhost: h:1\r\n\r\n")
        let upgrade = read(
            [(":protocol", "WebSocket")] + HTTP2.request("CONNECT", "/chat", [("sec-websocket-version", "13")]))
        #expect(
            upgrade.head.hasPrefix(
                "GET /chat HTTP/1.1\r\nhost: h\r\nsec-websocket-version: 13\r\nconnection: upgrade\r\n"))
        let key = try #require(upgrade.head.split(separator: "sec-websocket-key: ").last)
        #expect(key.hasSuffix("==\r\n\r\n") && key.utf8.count == 28)
        let other = read([(":protocol", "x")] + HTTP2.request("CONNECT", "/chat"))
        #expect(other.head == "CONNECT h HTTP/1.1\r\nhost: h\r\n\r\n")
    }

    @Test("What exceeds the limits is said, and nothing more is kept")
    func limits() {
        let limits = HeadLimits(startLine: 100, head: 1000, fields: 8)
        let large = read(
            HTTP2.request("GET", "/", [("x", String(repeating: "a", count: 900)), ("y", "1")]), limits: limits)
        #expect(large.overflow == .headTooLarge && large.malformation == nil && large.head.utf8.count < 100)
        let many = read(HTTP2.request("GET", "/", (0..<20).map { ("x", "\($0)") }), limits: limits)
        #expect(many.overflow == .tooManyFields)
    }
}
