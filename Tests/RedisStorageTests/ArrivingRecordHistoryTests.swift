import CacheStorage
import EventLoop
import RedisStorage
import TestRandomness
import Testing

import class TestSupport.ScriptedRedis

/// One who reads a record as a random reader does, and notes what it was given.
private final class HistoryReader: StoreReceiver, ArrivingBody {
    enum Manner: CaseIterable { case whole, inStep, part, awaiting, headAlone, assured }

    let manner: Manner
    let key: Int
    let part: Range<Int>
    private(set) var record: (any ArrivingRecord)?
    private var builder: StoredResponseBuilder?
    /// The version that it was given, where its bytes begin, and what they are.
    private(set) var version: UInt64?
    private(set) var start = 0
    private(set) var bytes: [UInt8] = []
    private(set) var isOver = false
    private(set) var isWhole = false
    private(set) var isPart = false
    var mayGoOn = false

    init(_ manner: Manner, key: Int, part: Range<Int>) {
        self.manner = manner
        self.key = key
        self.part = part
    }

    var isOpen: Bool { !isInStep && !isOver }
    var isInStep: Bool { manner != .whole && manner != .assured }
    /// It has waited until all the rest was asked for at once.
    private(set) var isAssured = false

    func storeDidBegin(_ record: any ArrivingRecord, token: UInt64) -> ArrivingRecordUse {
        version = record.head.id
        switch manner {
        case .awaiting: return .awaitWhole
        case .headAlone:
            isOver = true
            return .taken
        case .part where !record.isUntouched: return .awaitWhole
        case .assured where record.mayAwaitMore:
            isAssured = true
            return .awaitMore
        case .whole, .inStep, .part, .assured: break
        }
        guard let builder = record.begin(self) else {
            // Another one reads it, from which this one would read too.
            isOver = true
            return record.body?.isOpen == true ? .taken : .refused
        }
        self.record = record
        if !isInStep {
            self.builder = builder
            guard builder.reserveRest() else {
                isOver = true
                record.stop()
                return .refused
            }
        } else {
            bytes = copy(builder.arrived)
            if manner == .part {
                isPart = true
                start = record.narrow(to: part)
                if start > 0 { bytes = [] }
                if start == 0, part.upperBound <= bytes.count {
                    isOver = true
                    record.stop()
                    return .taken
                }
            }
        }
        record.readOn()
        return .taken
    }

    func storeDidAnswer(_ answer: consuming StoreAnswer, token: UInt64) {
        isOver = true
        guard case .hit(let found) = answer else { return }
        version = found.id
        bytes = found.bodyArray
        isWhole = true
    }

    func leave() {
        guard !isOver, let record else { return }
        isOver = true
        record.stop()
    }

    func goOn() {
        guard !isOver else { return }
        record?.readOn()
    }

    func bodyArrived(_ piece: Span<UInt8>) {
        #expect(!isOver)
        if !isInStep { try? builder?.append(piece) } else { bytes += copy(piece) }
    }

    func mayReadOn() -> Bool { mayGoOn }

    func bodyEnded() -> StoredResponse? {
        #expect(!isOver)
        isOver = true
        isWhole = !isPart
        guard let builder else { return nil }
        let whole = try? builder.finish()
        bytes = whole?.bodyArray ?? []
        return whole
    }

    func bodyFailed() {
        #expect(!isOver)
        #expect(!isAssured, "what was asked for at one moment is all there")
        isOver = true
        if let builder { bytes = copy(builder.arrived) }
    }

    private func copy(_ span: Span<UInt8>) -> [UInt8] { span.indices.map { span[$0] } }
}

@Suite("Redis store: histories of large records that are read while they change")
struct ArrivingRecordHistoryTests {
    private static let keys = 3

    private static func record(_ key: Int, version: UInt64) -> TestRecord {
        let count = 400_000 + 90_000 * key
        return TestRecord(
            keyText: "large \(key)", id: version, body: patternedBody(count, seed: UInt8(truncatingIfNeeded: version)))
    }

    @Test(
        "Whatever happens, nobody is given bytes of two records, and everybody's read is over in the end",
        arguments: 0..<8)
    func history(seed: UInt64) throws {
        var random = SeededGenerator(history: seed)
        let server = try ScriptedRedis()
        var settings = RedisSettings(place: .tcp(host: "127.0.0.1", port: server.port), prefix: "test:")
        settings.timeoutMilliseconds = 60_000
        let budget = MemoryBudget(bytes: 4 << 20)
        do {
            let world = RedisWorld(settings, budget: budget)
            var version: UInt64 = 0
            func replace(_ key: Int) {
                version += 1
                world.keep(Self.record(key, version: version))
            }
            for key in 0..<Self.keys { replace(key) }
            var readers: [HistoryReader] = []
            for _ in 0..<150 {
                let key = Int.random(in: 0..<Self.keys, using: &random)
                switch Int.random(in: 0..<10, using: &random) {
                case 0: replace(key)
                case 1: world.redis.remove([Self.record(key, version: 0).key], receiver: nil, token: 0)
                case 2: readers.randomElement(using: &random)?.leave()
                case 3, 4: readers.randomElement(using: &random)?.goOn()
                default:
                    let lower = Int.random(in: 0..<380_000, using: &random)
                    let reader = HistoryReader(
                        HistoryReader.Manner.allCases.randomElement(using: &random)!, key: key,
                        part: lower..<(lower + Int.random(in: 1...100_000, using: &random)))
                    let wanted = Self.record(key, version: 0)
                    let start = world.redis.lookup(
                        wanted.key, keyText: wanted.keyText.utf8.span, now: world.now, receiver: reader, token: 1)
                    if case .pending = start { readers.append(reader) }
                }
                if Bool.random(using: &random) { _ = world.work(atMost: Int64.random(in: 0...4, using: &random)) }
            }
            for reader in readers { reader.mayGoOn = true }
            world.work {
                for reader in readers { reader.goOn() }
                return readers.allSatisfy(\.isOver)
            }
            for reader in readers {
                guard let version = reader.version else { continue }
                let body = Self.record(reader.key, version: version).body
                if reader.isWhole { #expect(reader.bytes == body) }
                #expect(Array(body[reader.start...].prefix(reader.bytes.count)) == reader.bytes)
            }
            #expect(readers.contains(where: \.isWhole) && readers.contains { $0.isPart && !$0.bytes.isEmpty })
        }
        #expect(budget.inUse == 0)
    }
}
