import Bytes
import Testing

@testable import HTTPWire

/// The result of decoding a body: its content, its forwardable trailers, and how many bytes it consumed.
private enum Decoded: Equatable {
    case incomplete(String)
    case refused(WireError.Reason)
    case complete(String, trailers: String, consumed: Int)
}

private func decode(_ message: String, cuts: [Int] = [], limits: ChunkLimits = ChunkLimits()) -> Decoded {
    let bytes = Array(message.utf8)
    var decoder = ChunkedDecoder(from: .client, limits: limits)
    var content: [UInt8] = []
    var position = 0
    for end in cuts + [bytes.count] {
        while true {
            do throws(WireError) {
                switch try decoder.next(bytes.span.extracting(0..<end), from: &position) {
                case .data(let range):
                    content += bytes[range]
                    continue
                case .needsMore: #expect(position == end)
                case .finished:
                    return .complete(
                        String(decoding: content, as: UTF8.self),
                        trailers: String(decoding: decoder.trailers, as: UTF8.self),
                        consumed: position)
                }
            } catch {
                return .refused(error.reason)
            }
            break
        }
    }
    return .incomplete(String(decoding: content, as: UTF8.self))
}

@Suite("RFC 9112 §7.1: the chunked coding")
struct ChunkedDecoderTests {
    static let accepted: [(String, String, String)] = [
        ("0\r\n\r\n", "", ""),
        ("5\r\nhello\r\n0\r\n\r\n", "hello", ""),
        ("5\r\nhello\r\n00000000A\r\n, big worl\r\n1\r\nd\r\n0\r\n\r\n", "hello, big world", ""),
        ("5;a=b;c=\"d;e\"\r\nhello\r\n0;x\r\n\r\n", "hello", ""),
        ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n", ""),
        ("0\r\nX-Sum:  1 \r\nY:\r\n\r\n", "", "X-Sum: 1\r\nY: \r\n"),
    ]

    @Test("content and trailers are decoded, and no byte beyond the message is consumed", arguments: accepted)
    func decodes(_ message: String, _ content: String, _ trailers: String) {
        let expected = Decoded.complete(content, trailers: trailers, consumed: message.utf8.count)
        #expect(decode(message) == expected)
        #expect(decode(message + "GET / HTTP/1.1\r\n") == expected)
        #expect(decode(message + "0\r\n\r\n", cuts: Array(0..<message.utf8.count)) == expected)
        for cut in 0..<message.utf8.count {
            #expect(decode(message, cuts: [cut]) == expected)
            guard case .incomplete = decode(String(message.prefix(message.count - 1))) else {
                Issue.record("complete without its last byte")
                return
            }
        }
    }

    static let refused: [(String, WireError.Reason)] = [
        ("\r\n", .invalidChunkSize), (";a\r\n", .invalidChunkSize), ("g\r\n", .invalidChunkSize),
        ("+5\r\n", .invalidChunkSize),
        ("-5\r\n", .invalidChunkSize), (" 5\r\n", .invalidChunkSize), ("5 \r\n", .invalidChunkSize),
        ("5 ;a\r\n", .invalidChunkSize),
        ("0x5\r\n", .invalidChunkSize), ("5,\r\n", .invalidChunkSize), ("5\n", .bareLineFeed),
        ("5\rh", .bareCarriageReturn),
        ("5;a\n", .bareLineFeed), ("5;a\rb", .bareCarriageReturn), ("5;\0", .controlCharacter),
        ("1000000000000000\r\n", .chunkSizeOverflow), ("FFFFFFFFFFFFFFFFF\r\n", .chunkSizeOverflow),
        ("0000000000000005\r\n", .chunkSizeOverflow), ("5\r\nhello!", .invalidChunkEnd),
        ("5\r\nhello\n", .invalidChunkEnd),
        ("5\r\nhello\r0", .invalidChunkEnd), ("5\r\nhello0\r\n", .invalidChunkEnd), ("0\r\n\n", .bareLineFeed),
        ("0\r\n\r0", .bareCarriageReturn), ("0\r\nA b: c\r\n", .invalidFieldName),
        ("0\r\nA : b\r\n", .spaceBeforeColon),
        ("0\r\n A: b\r\n", .obsoleteFolding), ("0\r\nA\r\n", .missingColon), ("0\r\n: b\r\n", .emptyFieldName),
        ("0\r\nA: \0", .controlCharacter), ("0\r\nA: b\n", .bareLineFeed),
    ]

    @Test("anything not strictly chunked is rejected, however it is split into reads", arguments: refused)
    func refuses(_ message: String, _ reason: WireError.Reason) {
        #expect(decode(message) == .refused(reason))
        #expect(decode(message, cuts: Array(0..<message.utf8.count)) == .refused(reason))
    }

    @Test("extensions and trailers are limited over the whole body")
    func limits() {
        let limits = ChunkLimits(extensions: 10, trailers: 20, trailerFields: 2)
        #expect(
            decode("1;abcd\r\na\r\n1;abcd\r\na\r\n0\r\n\r\n", limits: limits)
                == .complete("aa", trailers: "", consumed: 27))
        #expect(decode("1;abcd\r\na\r\n1;abcd\r\na\r\n0;\r\n\r\n", limits: limits) == .refused(.chunkExtensionsTooLong))
        #expect(decode("0\r\nA: " + String(repeating: "b", count: 20), limits: limits) == .refused(.trailersTooLarge))
        #expect(decode("0\r\nA: \r\nB: \r\nC: \r\n", limits: limits) == .refused(.tooManyTrailers))
        #expect(
            decode("0\r\nA: \r\nB: \r\n\r\n", limits: limits) == .complete("", trailers: "A: \r\nB: \r\n", consumed: 15)
        )
    }

    @Test(
        "RFC 9110 §6.5.1: fields not allowed in a trailer section are removed",
        arguments: [
            "Content-Length: 5", "Transfer-Encoding: chunked", "Host: a", "Authorization: b", "set-cookie: c",
            "Trailer: d",
        ])
    func forbidden(_ line: String) {
        #expect(
            decode("0\r\n\(line)\r\nA: b\r\n\r\n")
                == .complete("", trailers: "A: b\r\n", consumed: line.utf8.count + 13))
    }

    /// The same with everything gathered that one read has.
    private func gathered(_ message: String, cuts: [Int] = [], large: Int) -> Decoded {
        let bytes = Array(message.utf8)
        var decoder = ChunkedDecoder(from: .client)
        var buffer = ByteBuffer()
        var content = ""
        var position = 0
        for end in cuts + [bytes.count] {
            reading: while true {
                do throws(WireError) {
                    let input = bytes.span.extracting(0..<end)
                    switch try decoder.gather(input, from: &position, into: &buffer, large: large) {
                    case .none: break reading
                    case .piece(let range): content += String(decoding: bytes[range], as: UTF8.self)
                    case .gathered: content += text(buffer)
                    }
                } catch {
                    return .refused(error.reason)
                }
            }
        }
        guard decoder.isFinished else { return .incomplete(content) }
        return .complete(content, trailers: String(decoding: decoder.trailers, as: UTF8.self), consumed: position)
    }

    @Test("gathered, a body is what it is chunk by chunk", arguments: accepted, [1, 3, Int.max])
    func gathers(_ body: (message: String, content: String, trailers: String), _ large: Int) {
        let count = body.message.utf8.count
        let expected = Decoded.complete(body.content, trailers: body.trailers, consumed: count)
        #expect(gathered(body.message + "GET", large: large) == expected)
        for cut in 0..<count { #expect(gathered(body.message, cuts: [cut], large: large) == expected) }
    }

    @Test("gathered, chunks of every small size come out as they are", arguments: [1, 15, 16, 255, 256, 4095])
    func sizes(size: Int) {
        let digits = String(size, radix: 16)
        for spelled in [digits, digits.uppercased(), "0" + digits, digits + ";x=y"] {
            let content = (0..<5).map { String(repeating: Character("\($0)"), count: size) }
            let message = content.map { "\(spelled)\r\n\($0)\r\n" }.joined() + "0\r\n\r\n"
            let expected = Decoded.complete(content.joined(), trailers: "", consumed: message.utf8.count)
            #expect(gathered(message, large: .max) == expected)
            for cut in [1, 2, 3, 4, 5, size + 4, size + 5, message.utf8.count - 3] {
                #expect(gathered(message, cuts: [cut], large: .max) == expected)
            }
        }
    }

    @Test("gathered, what isn't strictly chunked is rejected all the same", arguments: refused)
    func gathersNothing(_ message: String, _ reason: WireError.Reason) {
        #expect(gathered(message, large: .max) == .refused(reason))
        #expect(gathered("1\r\na\r\n" + message, large: .max) == .refused(reason))
    }

    @Test("one piece stays where it is, small ones come together, and a large one isn't copied")
    func pieces() throws {
        let large = String(repeating: "b", count: 100)
        let bytes = Array("1\r\na\r\n1\r\na\r\n64\r\n\(large)\r\n1\r\nc\r\n".utf8)
        var decoder = ChunkedDecoder(from: .origin)
        var buffer = ByteBuffer()
        var position = 0
        #expect(try decoder.gather(bytes.span, from: &position, into: &buffer, large: 100) == .gathered)
        #expect(text(buffer) == "aa")
        #expect(try decoder.gather(bytes.span, from: &position, into: &buffer, large: 100) == .piece(16..<116))
        #expect(try decoder.gather(bytes.span, from: &position, into: &buffer, large: 100) == .piece(121..<122))
        #expect(try decoder.gather(bytes.span, from: &position, into: &buffer, large: 100) == .none)
    }

    @Test("a reset decoder keeps nothing of the previous body")
    func reset() throws {
        var decoder = ChunkedDecoder(from: .origin)
        var position = 0
        let first = Array("0;x\r\nA: b\r\n\r\n".utf8)
        #expect(try decoder.next(first.span, from: &position) == .finished)
        #expect(try decoder.next(first.span, from: &position) == .finished && decoder.isFinished)
        decoder.reset()
        position = 0
        #expect(try decoder.next(Array("3\r\nabc".utf8).span, from: &position) == .data(3..<6))
        #expect(decoder.trailers.isEmpty && !decoder.isFinished && position == 6)
    }
}
