// What bytes from Redis are read as, without sockets.

import Testing

@testable import RedisStorage

/// Reads text as replies, in pieces of any size.
private final class Reading: ReplyReaderDelegate {
    var takesArrays = true
    var arrays: [[ReplyElement]] = []
    var bulks: [String] = []
    private(set) var replies: [Reply] = []
    private(set) var isMalformed = false
    private let limits: ArrayAssembly.Limits
    private lazy var reader = ReplyReader(delegate: self, arrayLimits: limits)!

    init(limits: ArrayAssembly.Limits = .init()) {
        self.limits = limits
    }

    func read(_ text: String, inPiecesOf count: Int = .max) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty, !isMalformed {
            let piece = Array(rest.prefix(count))
            rest = rest.dropFirst(count)
            var offset = 0
            while offset < piece.count, !isMalformed {
                offset = reader.feed(piece.span, from: offset)
                takeReplies()
            }
        }
    }

    private func takeReplies() {
        while true {
            switch reader.next() {
            case .reply(let reply): replies.append(reply)
            case .incomplete: return
            case .malformed:
                isMalformed = true
                return
            }
        }
    }

    func replyReader(_ reader: ReplyReader, didReadBulk bytes: Span<UInt8>) {
        bulks.append(String(decoding: bytes.copied(), as: UTF8.self))
    }

    func replyReaderTakesArray(_ reader: ReplyReader) -> Bool { takesArrays }

    func replyReader(_ reader: ReplyReader, didReadArray elements: [ReplyElement]) { arrays.append(elements) }
}

extension Span<UInt8> {
    fileprivate func copied() -> [UInt8] { indices.map { self[$0] } }
}

private func bulk(_ text: String) -> ReplyElement { .bulk(Array(text.utf8)) }

@Suite("Redis replies: arrays")
struct ReplyArrayTests {
    /// As CLUSTER SLOTS, XREAD and a pushed invalidation look.
    private static let all =
        "*3\r\n:0\r\n:5460\r\n*3\r\n$9\r\n127.0.0.1\r\n:7000\r\n*0\r\n"
        + "*1\r\n*2\r\n$3\r\nlog\r\n*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$1\r\nt\r\n$0\r\n\r\n"
        + "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n$-1\r\n"
        + "*4\r\n+OK\r\n-ERR no\r\n*-1\r\n:-7\r\n" + "*0\r\n" + "*-1\r\n" + "+OK\r\n" + "$1\r\nx\r\n"

    @Test("Arrays are read with all that is in them, however the bytes arrive", arguments: [1, 2, 3, 7, 50, 4096])
    func arrays(piece: Int) {
        let reading = Reading()
        reading.read(Self.all, inPiecesOf: piece)
        #expect(!reading.isMalformed)
        #expect(
            reading.arrays == [
                [.integer(0), .integer(5460), .array([bulk("127.0.0.1"), .integer(7000), .array([])])],
                [.array([bulk("log"), .array([.array([bulk("1-0"), .array([bulk("t"), bulk("")])])])])],
                [bulk("message"), bulk("__redis__:invalidate"), .absent],
                [.status(Array("OK".utf8)), .error(Array("ERR no".utf8)), .absent, .integer(-7)],
                [],
            ])
        #expect(reading.bulks == ["x"])
        #expect(reading.replies.count == 8)
        guard case .absent = reading.replies[5], case .status = reading.replies[6], case .bulk = reading.replies[7]
        else {
            Issue.record("\(reading.replies)")
            return
        }
    }

    @Test(
        "An array that nobody has asked for is malformed, at once",
        arguments: ["*0\r\n", "*2\r\n:1\r\n", "*1000000\r\n"])
    func unasked(text: String) {
        let reading = Reading()
        reading.takesArrays = false
        reading.read(text)
        #expect(reading.isMalformed)
        #expect(reading.arrays.isEmpty)
    }

    @Test(
        "An array past the limits is malformed as soon as that is known",
        arguments: [
            // Announced, nested, and many small ones.
            "*11\r\n", "*2\r\n:1\r\n*9\r\n", "*5\r\n*0\r\n*0\r\n*6\r\n", "*2147483647\r\n", "*-2\r\n",
            "*1\r\n*1\r\n*1\r\n*1\r\n",
            "*2\r\n$60\r\n\(String(repeating: "x", count: 60))\r\n$41\r\n\(String(repeating: "x", count: 41))\r\n",
        ])
    func limits(text: String) {
        let reading = Reading(limits: .init(depth: 3, elements: 10, bytes: 100))
        reading.read(text)
        #expect(reading.isMalformed)
        #expect(reading.arrays.isEmpty)
    }

    @Test("An array at the limits is read")
    func atTheLimits() {
        let reading = Reading(limits: .init(depth: 3, elements: 5, bytes: 100))
        reading.read("*2\r\n*1\r\n*1\r\n:1\r\n*1\r\n$100\r\n\(String(repeating: "x", count: 100))\r\n")
        #expect(!reading.isMalformed)
        #expect(reading.arrays.count == 1)
    }

    @Test(
        "What isn't RESP2 in an array is malformed, and nothing of the array is delivered",
        arguments: ["*2\r\n:1\r\n!\r\n", "*x\r\n", "*1\r\n$x\r\n", "*1\r\n%1\r\n", "*1\r\n:x\r\n"])
    func malformed(text: String) {
        let reading = Reading()
        reading.read(text)
        #expect(reading.isMalformed)
        #expect(reading.arrays.isEmpty)
    }

    @Test("A command is replied to with its own type, with nil where that is a reply, or with an error")
    func types() {
        let nils: [ReplyType: Bool] = [
            .status: false, .integer: false, .bulk: false, .statusOrAbsent: true, .bulkOrAbsent: true, .array: true,
        ]
        for (type, takesNil) in nils {
            #expect(type.accepts(.absent) == takesNil)
            #expect(type.accepts(.error(.other)))
            #expect(type.accepts(.array) == (type == .array))
        }
        #expect(ReplyType.statusOrAbsent.accepts(.status))
        #expect(ReplyType.bulkOrAbsent.accepts(.bulk))
        #expect(!ReplyType.array.accepts(.bulk))
    }
}
