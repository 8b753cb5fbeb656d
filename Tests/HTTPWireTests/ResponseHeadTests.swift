import HTTPSemantics
import Testing

@testable import HTTPWire

@Suite("RFC 9112 §4: status line")
struct StatusLineTests {
    @Test("status, reason and version are read")
    func parts() throws {
        let received = try response("HTTP/1.0 404 Not  Found\r\nA: b\r\n\r\n")
        let (status, minorVersion, length) = (received.head.status, received.head.minorVersion, received.head.length)
        let reason = text(received.head.reason, of: received.bytes)
        #expect(status == 404 && minorVersion == 0 && reason == "Not  Found")
        #expect(length == received.bytes.count)
    }

    @Test("the reason may be empty or missing", arguments: ["HTTP/1.1 200 \r\n\r\n", "HTTP/1.1 200\r\n\r\n"])
    func noReason(_ message: String) throws {
        let received = try response(message)
        let (status, reason) = (received.head.status, received.head.reason)
        #expect(status == 200 && reason.isEmpty)
    }

    @Test(
        "an invalid status line is rejected",
        arguments: [
            ("HTTP/1.1 20 OK\r\n\r\n", WireError.Reason.invalidStatusLine),
            ("HTTP/1.1 2000 OK\r\n\r\n", .invalidStatusLine),
            ("HTTP/1.1  200 OK\r\n\r\n", .invalidStatusLine), ("HTTP/1.1 +20 OK\r\n\r\n", .invalidStatusLine),
            ("HTTP/1.1 099 OK\r\n\r\n", .invalidStatusCode), ("HTTP/1.1 600 OK\r\n\r\n", .invalidStatusCode),
            ("HTTP/2.0 200 OK\r\n\r\n", .unsupportedVersion), ("http/1.1 200 OK\r\n\r\n", .invalidVersion),
            ("ICY 200 OK and more\r\n\r\n", .invalidVersion), ("\r\nHTTP/1.1 200 OK\r\n\r\n", .invalidStatusLine),
            ("<html>\n", .bareLineFeed), ("HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n", .controlCharacter),
            ("HTTP/1.1 200 OK\r\n A: b\r\n\r\n", .obsoleteFolding),
            ("HTTP/1.1 200 OK\r\nA : b\r\n\r\n", .spaceBeforeColon),
        ])
    func refuses(_ message: String, _ reason: WireError.Reason) {
        #expect(responseFault(message) == WireError(reason, from: .origin))
    }
}

@Suite("RFC 9112 §6.3: body length of responses")
struct ResponseFramingTests {
    @Test(
        "framing by method, status and fields",
        arguments: [
            (Method.get, 200, "Content-Length: 5\r\n", BodyFraming.length(5), true),
            (.get, 200, "Transfer-Encoding: chunked\r\n", .chunked, true),
            (.get, 200, "", .untilClose, false),
            (.get, 200, "Connection: close\r\nContent-Length: 5\r\n", .length(5), false),
            (.head, 200, "Content-Length: 5\r\n", .none, true),
            (.head, 200, "Transfer-Encoding: chunked\r\n", .none, true),
            (.head, 200, "", .none, true),
            (.get, 304, "Content-Length: 5\r\n", .none, true),
            (.get, 204, "", .none, true),
            (.get, 204, "Content-Length: 0\r\n", .none, true),
            (.get, 204, "Content-Length: 5\r\n", .none, false),
            (.get, 204, "Transfer-Encoding: chunked\r\n", .none, false),
            (.get, 103, "Link: a\r\n", .none, true),
            (.get, 101, "Connection: upgrade\r\nUpgrade: a\r\n", .none, false),
            (.connect, 200, "", .none, false),
            (.connect, 400, "Content-Length: 5\r\n", .length(5), true),
        ])
    func framing(_ method: Method, _ status: Int, _ lines: String, _ framing: BodyFraming, _ keepsAlive: Bool) throws {
        let received = try response("HTTP/1.1 \(status) X\r\n\(lines)\r\n", answering: method)
        let (readFraming, readKeepsAlive) = (received.head.framing, received.head.keepsAlive)
        #expect(readFraming == framing && readKeepsAlive == keepsAlive)
    }

    @Test("HTTP/1.0 persists only if it says so")
    func http10() throws {
        #expect(try !response("HTTP/1.0 200 X\r\nContent-Length: 1\r\n\r\n").head.keepsAlive)
        #expect(try response("HTTP/1.0 200 X\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n").head.keepsAlive)
    }

    @Test("HEAD and 304 keep the declared length of the content that isn't sent")
    func declaredLength() throws {
        #expect(
            try response("HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\n", answering: .head).head.declaredContentLength
                == 9)
        #expect(try response("HTTP/1.1 304 X\r\n\r\n").head.declaredContentLength == nil)
    }

    @Test("interim responses are distinguished from the final one")
    func interim() throws {
        #expect(
            try response("HTTP/1.1 100 X\r\n\r\n").head.isInterim && response("HTTP/1.1 103 X\r\n\r\n").head.isInterim)
        #expect(
            try !response("HTTP/1.1 101 X\r\n\r\n").head.isInterim && !response("HTTP/1.1 200 X\r\n\r\n").head.isInterim
        )
    }

    @Test(
        "an ambiguous body length is an error, whatever the method", arguments: [Method.get, .head],
        [
            ("1.1", "Content-Length: 5\r\nTransfer-Encoding: chunked", WireError.Reason.bothFramings),
            ("1.1", "Content-Length: 5\r\nContent-Length: 6", .differingContentLengths),
            ("1.1", "Content-Length: a", .invalidContentLength),
            ("1.1", "Content-Length: 18446744073709551616", .contentLengthOverflow),
            ("1.1", "Content-Length: 18446744073709551619", .contentLengthOverflow),
            ("1.1", "Transfer-Encoding: gzip, chunked", .unknownTransferCoding),
            ("1.1", "Transfer-Encoding: gzip", .chunkedNotLast),
            ("1.0", "Transfer-Encoding: chunked", .transferEncodingOnHTTP10),
        ])
    func ambiguous(_ method: Method, _ message: (version: String, lines: String, reason: WireError.Reason)) {
        let fault = responseFault("HTTP/\(message.version) 200 X\r\n\(message.lines)\r\n\r\n", answering: method)
        #expect(fault == WireError(message.reason, from: .origin) && fault?.status == 502)
    }

    @Test("Interim responses are read over, however the bytes come", arguments: [1, 7, 40, 1_000])
    func interim(size: Int) throws {
        let text =
            "HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 None\r\nA: b\r\n\r\n"
        var left = Array(text.utf8)
        var head = ResponseHead()
        var (kept, isComplete) = ([UInt8](), false)
        while !isComplete, !left.isEmpty {
            kept += left.prefix(size)
            left.removeFirst(min(size, left.count))
            var start = 0
            isComplete = try head.parseFinal(kept.span, from: &start, answering: .get, limits: HeadLimits())
            kept.removeFirst(start)
        }
        let (status, length) = (head.status, head.length)
        #expect(isComplete && left.isEmpty && status == 204 && length == kept.count)
    }

    @Test("byte by byte and at once are the same")
    func byteByByte() throws {
        let message = "HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nCache-Control: max-age=60\r\n\r\n"
        let atOnce = try response(message)
        let bytes = atOnce.bytes
        var head = ResponseHead()
        for end in 0..<bytes.count {
            let isComplete = try head.parse(bytes.span.extracting(0..<end), answering: .get, limits: HeadLimits())
            #expect(!isComplete)
        }
        let isComplete = try head.parse(bytes.span, answering: .get, limits: HeadLimits())
        #expect(isComplete)
        let (fields, framing, length) = (head.fields, head.framing, head.length)
        let (expectedFields, expectedFraming, expectedLength) = (
            atOnce.head.fields, atOnce.head.framing, atOnce.head.length
        )
        #expect(fields == expectedFields && framing == expectedFraming && length == expectedLength)
    }
}
