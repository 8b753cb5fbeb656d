import Bytes
import EventLoop
import HTTPCaching
import HTTPSemantics
import HTTPWire
import Testing

@testable import Clients

// Each kind of head, byte for byte.

@Suite("Heads of responses")
struct HeadWriterTests {
    private let loop = EventLoop(inputCapacity: 4096)

    /// What a head consists of, line by line.
    private func lines(_ write: (ResponseHeadWriter) -> Void) -> String {
        let writer = ResponseHeadWriter(loop: loop)
        write(writer)
        return writer.lines.span.text()
    }

    private func date() -> String {
        var line = ByteBuffer(minimumCapacity: 64)
        HTTPDate.append(loop.wallMilliseconds / 1000, to: &line)
        return "Date: \(line.span.text())\r\n"
    }

    private let stored = Array(
        """
        HTTP/1.1 200 Fine\r
        Date: Sun, 06 Nov 1994 08:49:37 GMT\r
        Content-Type: text/plain\r
        ETag: "1"\r
        Cache-Control: max-age=60\r
        Cache-Tag: a, b\r
        Surrogate-Key: c\r
        xkey: d\r
        X-Other: 1\r
        Vary: Accept\r
        Via: 1.1 larder\r
        Content-Length: 5\r\n
        """.utf8)

    @Test("A head of Larder's own is its status and what it is given")
    func own() {
        let text = lines { writer in
            writer.begin(404, "Not Found")
            writer.appendDate()
            writer.append("Content-Type", "text/plain")
            writer.append("X-Value", "v".utf8.span)
            writer.append("Content-Length", decimal: 17)
            writer.appendProxyStatus(error: "dns_error")
        }
        #expect(
            text
                == "HTTP/1.1 404 Not Found\r\n\(date())Content-Type: text/plain\r\nX-Value: v\r\nContent-Length: 17\r\n"
                + "Proxy-Status: larder; error=dns_error\r\n")
    }

    @Test("A stored head is as it was stored, but for tags that its route keeps to itself")
    func storedHead() {
        let whole = String(decoding: stored, as: UTF8.self)
        #expect(lines { $0.begin(stored.span, removesTags: false) } == whole)
        let without = whole.replacing("Cache-Tag: a, b\r\n", with: "").replacing("Surrogate-Key: c\r\n", with: "")
            .replacing("xkey: d\r\n", with: "")
        #expect(lines { $0.begin(stored.span, removesTags: true) } == without)
    }

    @Test("A 304 repeats what it has to of the head that it is about")
    func notModified() {
        #expect(
            lines { $0.beginNotModified(stored.span) }
                == "HTTP/1.1 304 Not Modified\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nETag: \"1\"\r\n"
                + "Cache-Control: max-age=60\r\nVary: Accept\r\nVia: 1.1 larder\r\n")
    }

    @Test("A part has the head of the whole without its length, and without its type where the parts have that")
    func partial() {
        let rest = "ETag: \"1\"\r\nCache-Control: max-age=60\r\n"
        let tags = "Cache-Tag: a, b\r\nSurrogate-Key: c\r\nxkey: d\r\n"
        let end = "X-Other: 1\r\nVary: Accept\r\nVia: 1.1 larder\r\n"
        let start = "HTTP/1.1 206 Partial Content\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
        let type = "Content-Type: text/plain\r\n"
        #expect(
            lines {
                $0.beginPartial(stored.span, dropsType: false, removesTags: false)
                $0.appendContentRange(2..<4, completeLength: 5)
            } == start + type + rest + tags + end + "Content-Range: bytes 2-3/5\r\n")
        #expect(
            lines {
                $0.beginPartial(stored.span, dropsType: true, removesTags: true)
                $0.appendContentRange(0..<1, completeLength: nil)
            } == start + rest + end + "Content-Range: bytes 0-0/*\r\n")
    }

    @Test("A range that can't be had is told the length that there is")
    func unsatisfiable() {
        #expect(
            lines { $0.beginUnsatisfiable(completeLength: 5) }
                == "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\nContent-Range: bytes */5\r\n"
                + "Via: 1.1 larder\r\n\(date())")
    }

    /// Writes what is made of an origin's head.
    private func forwarded(
        _ text: String, _ write: (ResponseHeadWriter, borrowing ResponseHead, Span<UInt8>) -> Void
    ) throws -> String {
        let bytes = Array((text + "\r\n").utf8)
        var head = ResponseHead()
        #expect(try head.parse(bytes.span, answering: .get, limits: HeadLimits()))
        let writer = ResponseHeadWriter(loop: loop)
        write(writer, head, bytes.span)
        return writer.lines.span.text()
    }

    @Test("An origin's head is passed on without what belongs to its connection, with Date and Via")
    func passedOn() throws {
        let head =
            "HTTP/1.0 200 Fine\r\nConnection: X-Hop\r\nX-Hop: 1\r\nkeep-alive: x\r\nCache-Tag: a\r\nX-Cache: HIT\r\n"
            + "Via: 1.1 other\r\nTrailer: X-Sum\r\nX-Kept:  2 \r\n"
        #expect(
            try forwarded(head) { $0.begin($1, $2, removesTags: false) }
                == "HTTP/1.1 200 Fine\r\nCache-Tag: a\r\nX-Kept: 2\r\n\(date())Via: 1.1 other, 1.0 larder\r\n")
        #expect(
            try forwarded(head + "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n") { writer, head, bytes in
                writer.begin(head, bytes, removesTags: true)
                writer.appendTrailerNames(head, bytes)
            }
                == "HTTP/1.1 200 Fine\r\nX-Kept: 2\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                + "Via: 1.1 other, 1.0 larder\r\nTrailer: X-Sum\r\n")
    }

    @Test("An interim head is passed on without a Date or Via of Larder's")
    func interim() throws {
        #expect(
            try forwarded("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: X-Hop\r\nX-Hop: 1\r\n") {
                $0.beginInterim($1, $2)
            } == "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n")
    }

    @Test("What the cache says of a response")
    func cacheStatus() {
        #expect(lines { $0.appendHit(timeToLive: 7, detail: nil) } == "Cache-Status: larder; hit; ttl=7\r\n")
        #expect(
            lines { $0.appendHit(timeToLive: -7, detail: .staleIfError) }
                == "Cache-Status: larder; hit; ttl=-7; detail=stale-if-error\r\n")
        var status = CacheStatus(.forwarded(.uriMiss))
        status.isStored = true
        #expect(lines { $0.append(status) } == "Cache-Status: larder; fwd=uri-miss; stored\r\n")
        #expect(lines { $0.append(nil, detail: "no-route") } == "Cache-Status: larder; detail=no-route\r\n")
        #expect(
            lines { $0.append(CacheStatus(.forwarded(.miss)), detail: "refused") }
                == "Cache-Status: larder; fwd=miss; detail=refused\r\n")
    }
}
