import Bytes
import HTTPWire
import Testing

@testable import Origins

// What a stream makes of a request's bytes and of a response's fields, without a connection.

@Suite("RFC 9113 §8: messages of HTTP/1 on streams of HTTP/2")
struct StreamMessageTests {
    private static let samples: [(text: String, content: String, trailers: String)] = [
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", "", ""),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", "hello", ""),
        ("POST / HTTP/1.1\r\nHost: h\r\ncontent-length: 0\r\n\r\n", "", ""),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\nX-Sum: 7\r\n\r\n",
            "abcdefg", "X-Sum: 7\r\n"
        ),
    ]

    @Test("A request's content is taken out of its framing, however the bytes are cut", arguments: samples)
    func requests(text: String, content: String, trailers: String) throws {
        let bytes = Array(text.utf8)
        for size in [1, 2, 7, 1_000] {
            var request = OutgoingRequest()
            let begun = request.begin(bytes.span)
            var place = try #require(begun)
            var sent = ByteBuffer()
            let isComplete = request.isComplete
            #expect(isComplete == (content.isEmpty && trailers.isEmpty))
            while place < bytes.count {
                let piece = Array(bytes[place..<min(place + size, bytes.count)])
                place += request.take(piece.span)
                let next = request.next(atMost: 3)
                request.move(next.count, to: &sent)
            }
            while case let next = request.next(atMost: 3), !next.isLast || next.count > 0 {
                request.move(next.count, to: &sent)
            }
            let text = sent.span.text()
            let found = String(decoding: request.trailers, as: UTF8.self)
            #expect(text == content && found == trailers)
        }
    }

    @Test("No more content is taken than there is room for")
    func room() throws {
        var request = OutgoingRequest()
        let head = Array("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n".utf8)
        let begun = request.begin(head.span)
        #expect(begun == head.count)
        let content = [UInt8](repeating: 7, count: 200_000)
        let first = (request.take(content.span), request.take(content.span))
        #expect(first == (OutgoingRequest.room, 0))
        request.drop(1_000)
        let second = request.take(content.span)
        #expect(second == 1_000)
    }

    @Test("Content that is never all gone takes no more memory than there is room for")
    func memory() {
        var request = OutgoingRequest()
        let head = Array("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n".utf8)
        #expect(request.begin(head.span) != nil)
        let piece = [UInt8](repeating: 7, count: 16 << 10)
        _ = request.take([UInt8](repeating: 7, count: OutgoingRequest.room).span)
        for _ in 0..<1_000 {
            request.drop(piece.count)
            let taken = request.take(piece.span)
            #expect(taken == piece.count)
        }
        let count = request.content.count
        #expect(count <= 2 * OutgoingRequest.room)
    }

    private func read(
        _ fields: [(String, String)], isHead: Bool = false, endsStream: Bool = false, limits: HeadLimits = HeadLimits()
    ) -> (text: String, framing: ResponseSection.Framing?, fault: WireError.Reason?) {
        var section = ResponseSection()
        var output = ByteBuffer()
        section.begin()
        do throws(WireError.Reason) {
            for (name, value) in fields {
                try section.append(Array(name.utf8).span, Array(value.utf8).span, limits: limits)
            }
            let framing = try section.end(isHead: isHead, endsStream: endsStream, to: &output)
            return (output.span.text(), framing, nil)
        } catch {
            return ("", nil, error)
        }
    }

    @Test("A response's section becomes a head that HTTP/1 reads, with the framing of what follows")
    func responses() {
        let ok = (":status", "200")
        var read = read([ok, ("a", "b")])
        #expect(
            read.text == "HTTP/1.1 200 OK\r\na: b\r\ntransfer-encoding: chunked\r\n\r\n" && read.framing == .chunked)
        read = self.read([ok, ("content-length", "5")])
        #expect(read.text == "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n" && read.framing == .length(5))
        read = self.read([ok], endsStream: true)
        #expect(
            read.text == "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n" && read.framing == ResponseSection.Framing.none)
        read = self.read([ok, ("content-length", "5")], isHead: true, endsStream: true)
        #expect(read.text.contains("content-length: 5") && read.framing == ResponseSection.Framing.none)
        for (status, phrase) in [("103", "Early Hints"), ("204", "No Content"), ("304", "Not Modified")] {
            read = self.read([(":status", status)])
            #expect(read.text == "HTTP/1.1 \(status) \(phrase)\r\n\r\n" && read.framing == ResponseSection.Framing.none)
        }
    }

    private static let broken: [(fields: [(String, String)], fault: WireError.Reason)] = [
        ([], .malformedStream), ([("a", "b")], .malformedStream), ([(":status", "")], .malformedStream),
        ([(":status", "200"), (":status", "200")], .malformedStream), ([(":status", "101")], .invalidStatusCode),
        ([(":status", "099")], .invalidStatusCode), ([(":status", "+20")], .malformedStream),
        ([(":status", "200"), ("A", "b")], .malformedStream), ([(":status", "200"), ("a", "b\nc")], .malformedStream),
        ([(":status", "200"), ("connection", "close")], .malformedStream),
        ([(":status", "200"), ("transfer-encoding", "chunked")], .malformedStream),
        ([(":status", "200"), ("content-length", "-1")], .invalidContentLength),
        ([(":status", "200"), ("content-length", "1"), ("content-length", "2")], .differingContentLengths),
    ]

    @Test("What HTTP/2 forbids, or what could be read as something else in those bytes, is refused")
    func malformed() {
        for (fields, fault) in Self.broken { #expect(read(fields).fault == fault, "\(fields)") }
        #expect(read([(":status", "103")], endsStream: true).fault == .malformedStream)
        #expect(read([(":status", "200"), ("content-length", "3")], endsStream: true).fault == .invalidContentLength)
        let limits = HeadLimits(startLine: 100, head: 200, fields: 3)
        #expect(
            read([(":status", "200"), ("a", String(repeating: "b", count: 150))], limits: limits).fault == .headTooLarge
        )
        let many = [(":status", "200")] + (0..<4).map { ("a\($0)", "") }
        #expect(read(many, limits: limits).fault == .tooManyFields)
    }

    @Test("§8.7: what is unprocessed is sent again, whatever the method: once for nothing, then as retries allow")
    func unprocessed() {
        for (retries, times) in [(0, 1), (1, 2), (3, 4)] {
            var state = ExchangeState()
            state.begin(.init(method: .post, retries: retries))
            var count = 0
            while count < 10 {
                _ = state.connected(isReused: false, mayBeGivenBack: true)
                guard case .sendAgain(blamesServer: false) = state.broke(.unprocessed) else { break }
                count += 1
            }
            let phase = state.phase
            #expect(count == times && phase == .ended)
        }
    }
}
