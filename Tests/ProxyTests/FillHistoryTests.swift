import CacheStorage
import HTTPCaching
import TestRandomness
import Testing

@testable import Proxy

// Thousands of histories of one key: heads of every kind, bodies in pieces, cuts, invalidations, readers that come, lag and
// leave. A plain model says what each reader must have got and what must be stored.

@Suite("RFC 9111 §4, one fill: histories")
struct FillHistoryTests {
    @Test(
        "Whatever happens, each reader gets every byte in order or a visible break, and the store what is whole and current"
    )
    func histories() throws {
        for seed in 0..<2000 as Range<UInt64> {
            let history = try FillHistory(seed: seed)
            try history.run()
            #expect(history.faults == [], "seed \(seed): \(history.told.joined(separator: ", "))")
        }
    }
}

/// One history: what happens, and the model beside it.
private final class FillHistory {
    private enum Kind: CaseIterable {
        case measured, chunked, empty, tooLarge, tooLargeMeasured, notStorable, named, failing, cut
    }

    /// What the origin says to one request.
    private final class Response {
        let source: ScriptedSource
        let kind: Kind
        /// Its entity-tag's number.
        let number: Int
        let body: [UInt8]
        /// Where it breaks off.
        let cutAt: Int?
        /// What has been invalidated since it was asked for.
        var isOvertaken = false
        var hasHead = false
        var sent = 0
        var isOver = false

        init(_ source: ScriptedSource, _ kind: Kind, _ number: Int, body: [UInt8], cutAt: Int?) {
            self.source = source
            self.kind = kind
            self.number = number
            self.body = body
            self.cutAt = cutAt
        }

        var isStorable: Bool {
            switch kind {
            case .measured, .chunked, .empty, .named: true
            case .tooLarge, .tooLargeMeasured, .notStorable, .failing, .cut: false
            }
        }

        var head: (status: String, fields: [String]) {
            let length = "Content-Length: \(body.count)"
            let etag = "ETag: \"\(number)\""
            return switch kind {
            case .measured, .empty, .cut, .tooLargeMeasured: ("200 OK", ["Cache-Control: max-age=60", etag, length])
            case .chunked, .tooLarge: ("200 OK", ["Cache-Control: max-age=60", etag, "Transfer-Encoding: chunked"])
            case .notStorable: ("200 OK", ["Cache-Control: no-store", length])
            case .named: ("200 OK", ["Cache-Control: max-age=60, private=\"X-User\"", "X-User: ann", length])
            case .failing: ("503 Service Unavailable", [length])
            }
        }
    }

    private static let limit = 60
    private let scene: FillScene
    private var random: SeededGenerator
    private var responses: [Response] = []
    private var readers: [ScriptedReader] = []
    /// What must be stored.
    private var expected: [UInt8]?
    private let key: CacheKey
    private var nextByte: UInt8 = 0
    /// What requests ask for that nobody shares, since the key is known for what can't be stored.
    private var alone: Set<ObjectIdentifier> = []
    private(set) var told: [String] = []
    private(set) var faults: [String] = []

    init(seed: UInt64) throws {
        random = SeededGenerator(history: seed)
        scene = try FillScene(objectLimit: Self.limit)
        scene.service.spillLimit = Int.random(in: 1...40, using: &random)
        key = scene.select(try scene.request()).keys.key
    }

    private func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }

    func run() throws {
        try ask()
        for _ in 0..<(6 + below(30)) { try step() }
        // Everything comes to its end.
        for reader in readers { reader.unblock() }
        for _ in 0..<400 {
            scene.settle()
            guard let open = responses.first(where: { !isEnded($0) && !$0.source.isPaused }) else { break }
            go(on: open)
        }
        try check()
    }

    private func step() throws {
        switch below(12) {
        case 0...1: try ask()
        case 2...6:
            let open = responses.filter { !isEnded($0) && !$0.source.isPaused }
            if !open.isEmpty { go(on: open[below(open.count)]) }
        case 7:
            let reader = readers[below(readers.count)]
            told.append("blocks")
            reader.block()
        case 8:
            let reader = readers[below(readers.count)]
            told.append("unblocks")
            reader.unblock()
        case 9:
            told.append("takes")
            let reader = readers[below(readers.count)]
            if reader.isBlocked { reader.take(below(20)) }
        case 10:
            if below(3) == 0 {
                told.append("leaves")
                readers[below(readers.count)].leave()
            } else if below(4) == 0 {
                told.append("invalidates")
                scene.invalidate(key)
                expected = nil
                for response in responses { response.isOvertaken = true }
            }
        case 11 where below(3) == 0:
            told.append("a second passes")
            scene.service.checkTimes(now: scene.loop.now)
        default: scene.settle()
        }
        noteSources()
    }

    private func ask() throws {
        let reader = ScriptedReader(worker: below(2), isBlocked: below(6) == 0)
        reader.window = 1 + below(30)
        let fields: [String] =
            switch below(8) {
            case 0: ["If-None-Match: \"\(below(responses.count + 1))\""]
            case 1: ["Range: bytes=\(below(Self.limit))-"]
            case 2:
                [below(Self.limit)].map { first in "Range: bytes=\(first)-\(first + below(Self.limit))" }
            case 3: ["Range: bytes=-\(1 + below(Self.limit))"]
            default: []
            }
        let asked = try scene.ask(reader, with: fields)
        switch asked {
        case .hit(let found):
            if Array(found.bodyText.utf8) != expected.map({ Array(String(decoding: $0, as: UTF8.self).utf8) }) {
                faults.append("a hit that isn't what is stored")
            }
        case .began, .joined, .alone:
            if case .alone = asked { alone.insert(ObjectIdentifier(scene.source)) }
            told.append("asks \(readers.count) \(fields)")
            readers.append(reader)
        }
        if readers.isEmpty { try ask() }
        noteSources()
    }

    /// Gives each new source its response.
    private func noteSources() {
        for source in scene.sources.dropFirst(responses.count) {
            let kind = Kind.allCases[below(Kind.allCases.count)]
            let count =
                switch kind {
                case .empty: 0
                case .tooLarge, .tooLargeMeasured: Self.limit + 1 + below(60)
                case .measured, .chunked, .notStorable, .named, .failing, .cut: 1 + below(Self.limit)
                }
            let body = (0..<count).map { _ in
                // Letters, so that text and bytes are the same.
                nextByte = (nextByte + 1) % 26
                return nextByte + UInt8(ascii: "a")
            }
            let cutAt = kind == .cut ? below(count) : nil
            responses.append(Response(source, kind, responses.count, body: body, cutAt: cutAt))
            told.append("response \(kind) of \(count)")
        }
    }

    private func isEnded(_ response: Response) -> Bool { response.isOver || response.source.isStopped }

    /// The next thing that the origin says.
    private func go(on response: Response) {
        let source = response.source
        guard response.hasHead else {
            response.hasHead = true
            let (status, fields) = response.head
            told.append("head \(response.kind)")
            source.head(status, fields)
            return
        }
        let end = response.cutAt ?? response.body.count
        for _ in 0..<(1 + below(3)) where response.sent < end && !source.isStopped {
            let count = min(1 + below(25), end - response.sent)
            source.piece(Array(response.body[response.sent..<(response.sent + count)]))
            response.sent += count
        }
        if response.sent == end && below(2) == 0 {
            response.isOver = true
            let isHeard = !source.isStopped
            told.append(response.cutAt == nil ? "ends" : "breaks off")
            if response.cutAt == nil { source.end() } else { source.fail() }
            if isHeard, response.isStorable, !response.isOvertaken { expected = response.body }
        } else {
            source.turn()
        }
    }

    // MARK: What must be so

    private func check() throws {
        faults += scene.leftovers
        if try scene.stored().map({ Array($0.bodyText.utf8) }) != expected {
            faults.append("stored is not what is whole")
        }
        for (number, reader) in readers.enumerated() { check(reader, number) }
        for response in responses where !isEnded(response) { faults.append("a response that never ended") }
        // Whoever leaves, what can be stored comes to its end; what is known not to be, once its head is there.
        for response in responses where response.isStorable && response.source.isStopped && !response.isOver {
            if !response.hasHead && alone.contains(ObjectIdentifier(response.source)) { continue }
            faults.append("a response that could be stored was given up")
        }
    }

    private func check(_ reader: ScriptedReader, _ number: Int) {
        // Where it had a part, of that.
        func part(_ body: [UInt8]) -> ArraySlice<UInt8> {
            let stop = min(reader.stop ?? body.count, body.count)
            return body[min(reader.start, stop)..<stop]
        }
        let matching = responses.filter { part($0.body).starts(with: reader.body) }
        if matching.isEmpty { faults.append("reader \(number) has bytes that nobody sent: \(reader.text)") }
        switch reader.ends.first {
        case "whole":
            // A part may have come before the break.
            if !matching.contains(where: {
                Array(part($0.body)) == reader.body && ($0.cutAt ?? .max) >= reader.stop ?? .max
            }) {
                faults.append("reader \(number) takes \(reader.body.count) bytes for whole")
            }
        case "not modified", "delivered, whole":
            let tag = reader.record?.etag.text() ?? ""
            let isKnown = reader.request?.isNotModified(reader.record!, now: Instant(secondsSinceEpoch: 0)) == true
            if !isKnown || !responses.contains(where: { "\"\($0.number)\"" == tag && $0.hasHead }) {
                faults.append("reader \(number) is told that it has \(tag)")
            }
        case "unsatisfiable":
            if !responses.contains(where: { $0.hasHead && $0.body.count <= 2 * Self.limit }) {
                faults.append("reader \(number) is told that its range can't be satisfied")
            }
        case "broken", "failed, closedEarly", "left": break
        case "dropped":
            if !matching.contains(where: { $0.kind == .tooLarge || $0.kind == .tooLargeMeasured }) {
                faults.append("reader \(number) is dropped from what is kept whole")
            }
        case "gone", "refused, hit for miss", "refused, own reason", "refused, 503":
            if !reader.body.isEmpty { faults.append("reader \(number) was sent away within a body") }
        case let other: faults.append("reader \(number) ended with \(other ?? "nothing")")
        }
    }
}
