import CacheStorage
import HTTPCaching
import TestRandomness
import Testing

@testable import Proxy

@Suite("A fetch that several processes share: who asks the origin")
struct ClaimStateTests {
    private func claim(_ number: UInt64, isShared: Bool = true) -> StoreSight {
        .occupied(
            StoreOccupant(.claim(StoreClaim(instance: 1, number: number, isShared: isShared)), mark(number)))
    }

    private func mark(_ number: UInt64) -> ValueMark { ValueMark([UInt8(truncatingIfNeeded: number)].span) }

    @Test("Where nothing stands, the placeholder is put and then the origin asked")
    func nothing() {
        var state = ClaimState(waits: true, patience: 1000, now: 0)
        #expect(state.begin(.nothing, now: 0) == .claim(over: nil))
        #expect(state.claimed(.held, now: 1) == .fetch(.claimed))
        #expect(!state.hasWaited)
    }

    @Test("What is of no use gives way to the placeholder")
    func useless() {
        var state = ClaimState(waits: true, patience: 1000, now: 0)
        let seen = StoreOccupant(.other, mark(7))
        #expect(state.begin(.occupied(seen), now: 0) == .claim(over: .value(mark(7))))
        #expect(state.claimed(.taken, now: 1) == .lookUp)
        // An empty value looks like none.
        #expect(state.looked(.nothing, now: 2) == .claim(over: .value(ValueMark(Span()))))
    }

    @Test("Another's placeholder is looked at with growing pauses, until something takes its place")
    func waiting() {
        var state = ClaimState(waits: true, patience: 10_000, now: 0)
        #expect(state.begin(claim(1), now: 0) == .pause(20))
        for pause: Int64 in [40, 80, 160, 250, 250] {
            #expect(state.pauseEnded(now: 1) == .lookUp)
            #expect(state.looked(claim(1), now: 1) == .pause(pause))
        }
        #expect(state.pauseEnded(now: 2) == .lookUp)
        let mark = TestMarks.record
        #expect(state.looked(.record(mark), now: 2) == .lookAgain)
    }

    @Test("A placeholder that has gone makes room for the next one")
    func gone() {
        var state = ClaimState(waits: true, patience: 10_000, now: 0)
        #expect(state.begin(claim(1), now: 0) == .pause(20))
        #expect(state.pauseEnded(now: 20) == .lookUp)
        #expect(state.looked(.nothing, now: 21) == .claim(over: nil))
        #expect(state.claimed(.held, now: 22) == .fetch(.claimed))
        #expect(state.hasWaited)
    }

    @Test("Nobody waits past the limit, and nobody who may not wait waits at all")
    func limits() {
        var state = ClaimState(waits: true, patience: 30, now: 0)
        #expect(state.begin(claim(1), now: 0) == .pause(20))
        #expect(state.pauseEnded(now: 20) == .lookUp)
        #expect(state.looked(claim(1), now: 21) == .pause(9))
        #expect(state.pauseEnded(now: 30) == .fetch(.alone(.waitTimedOut)))
        var single = ClaimState(waits: false, patience: 1000, now: 0)
        #expect(single.begin(claim(1), now: 0) == .fetch(.alone(.fetchedElsewhere)))
        var late = ClaimState(waits: false, patience: 1000, now: 0)
        #expect(late.begin(.nothing, now: 0) == .claim(over: nil))
        #expect(late.claimed(.taken, now: 0) == .fetch(.alone(.fetchedElsewhere)))
    }

    @Test("Nobody waits for what is likely one client's own")
    func personal() {
        var state = ClaimState(waits: true, patience: 1000, now: 0)
        #expect(state.begin(claim(3, isShared: false), now: 0) == .claim(over: .value(mark(3))))
    }

    @Test("A marker that says so sends everybody by himself; a store that fails does too")
    func unshared() {
        var state = ClaimState(waits: true, patience: 1000, now: 0)
        let marker = StoreOccupant(.hitForMiss, mark(9))
        #expect(state.begin(.occupied(marker), now: 0) == .fetch(.unshared(.value(mark(9)))))
        var failing = ClaimState(waits: true, patience: 1000, now: 0)
        #expect(failing.begin(.nothing, now: 0) == .claim(over: nil))
        #expect(failing.claimed(.failed(.commandTimedOut), now: 0) == .fetch(.alone(.storeUnavailable)))
    }

    // MARK: Histories

    /// One key of a store, as three processes see it.
    private struct Key {
        var value = StoreSight.nothing
        var end: Int64 = 0
        mutating func see(at now: Int64) -> StoreSight {
            if value != .nothing, now >= end { value = .nothing }
            return value
        }
    }

    @Test(
        "Whatever happens in whatever order: one holder at most, nothing stored without holding, nobody waits for ever",
        arguments: 0..<16)
    func histories(_ seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }
        for _ in 0..<50 {
            var key = Key()
            var now: Int64 = 0
            var claims: UInt64 = 0
            /// What each process is about to do, and when.
            enum Doing {
                case step(ClaimState.Step)
                case fetching(StoreClaim?)
                case over
            }
            struct Process {
                var state: ClaimState
                let began: Int64
                var doing: Doing
                var at: Int64
                var isAlive = true
            }
            func sight(of claim: StoreClaim) -> StoreSight {
                .occupied(StoreOccupant(.claim(claim), mark(claim.number)))
            }
            let patience: Int64 = [500, 5_000, 60_000][below(3)]
            var processes = (0..<3).map { _ -> Process in
                var state = ClaimState(waits: true, patience: patience, now: 0)
                return Process(
                    state: state, began: 0, doing: .step(state.begin(key.see(at: 0), now: 0)), at: Int64(below(40)))
            }
            var fetches = 0
            while let index = processes.indices.filter({
                if case .over = processes[$0].doing { return false }
                return processes[$0].isAlive
            }).min(by: { processes[$0].at < processes[$1].at }) {
                now = max(now, processes[index].at)
                if below(30) == 0 { key.value = .nothing }
                let latency = Int64(1 + below(20))
                switch processes[index].doing {
                case .over: break
                case .step(.claim(let fence)):
                    claims += 1
                    let claim = StoreClaim(instance: UInt64(index), number: claims, isShared: true)
                    let seen = key.see(at: now)
                    let isFree = fence.map { seen.shows($0) == true } ?? (seen == .nothing)
                    if isFree {
                        key.value = sight(of: claim)
                        key.end = now + StoreClaim.lifetime
                    }
                    let step = processes[index].state.claimed(isFree ? .held : .taken, now: now + latency)
                    if case .fetch(let way) = step {
                        fetches += 1
                        #expect((way == .claimed) == isFree)
                        processes[index].doing = .fetching(isFree ? claim : nil)
                        processes[index].at = now + Int64(below(6_000))
                        processes[index].isAlive = below(8) > 0
                    } else {
                        processes[index].doing = .step(step)
                        processes[index].at = now + latency
                    }
                case .step(.lookUp):
                    let step = processes[index].state.looked(key.see(at: now), now: now + latency)
                    processes[index].doing = .step(step)
                    processes[index].at = now + latency
                case .step(.pause(let milliseconds)):
                    #expect(milliseconds > 0)
                    now += milliseconds
                    processes[index].doing = .step(processes[index].state.pauseEnded(now: now))
                    processes[index].at = now
                case .step(.lookAgain): processes[index].doing = .over
                case .step(.fetch(let way)):
                    #expect(way == .alone(.waitTimedOut))
                    #expect(now - processes[index].began >= patience)
                    fetches += 1
                    processes[index].doing = .fetching(nil)
                    processes[index].at = now + Int64(below(6_000))
                case .fetching(let claim):
                    if let claim, key.see(at: now).shows(.claim(claim)) == true {
                        key.value = .record(TestMarks.record)
                        key.end = .max
                    }
                    processes[index].doing = .over
                }
                // Waiting has its limit, whatever the others do.
                if case .step = processes[index].doing {
                    #expect(now - processes[index].began <= patience + 1_000)
                }
            }
            #expect(fetches > 0)
        }
    }
}

private enum TestMarks {
    static let record: RecordMark = {
        let facts = [UInt8](repeating: 0, count: StoredFacts.byteCount)
        let description = RecordDescription(
            id: 5, status: 200, discardAt: .never, facts: StoredFacts(bytes: facts.span)!)
        return StoredResponse.response(
            description, keyText: "k".utf8.span, varyNames: Span(), head: "HTTP/1.1 200 OK\r\n".utf8.span, body: Span())!
            .mark
    }()
}
