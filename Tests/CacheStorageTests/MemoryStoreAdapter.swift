// The memory store behind the protocol of remote stores, so that the conformance suite runs against it.

import CacheStorage
import Testing

final class MemoryStoreAdapter: RemoteStore {
    private struct Waiter {
        let key: CacheKey
        let keyText: [UInt8]
        let now: WallTime
        let receiver: any StoreReceiver
        let token: UInt64
    }

    let memory = MemoryStore(bytes: 64 << 20)
    private var waiters: [UInt64: Waiter] = [:]
    private var removals: [(Int, (any StoreRemovalReceiver)?, UInt64)] = []
    private var nextTicket: UInt64 = 0
    private var isClosed = false
    /// Writes reach the store with the next turn only, or at ``endWrite(isStored:)``.
    var holdsWrites = false
    private(set) var writes: [(key: CacheKey, response: StoredResponse, token: AnyObject?)] = []

    func lookup(
        _ key: CacheKey, keyText: Span<UInt8>, now: WallTime, receiver: any StoreReceiver, token: UInt64
    ) -> LookupStart {
        if isClosed { return .failed(.closed) }
        nextTicket += 1
        let text = keyText.withUnsafeBytes { Array($0) }
        waiters[nextTicket] = Waiter(key: key, keyText: text, now: now, receiver: receiver, token: token)
        return .pending(StoreTicket(number: nextTicket))
    }

    func cancel(_ ticket: StoreTicket) { waiters[ticket.number] = nil }

    func store(
        _ key: CacheKey, _ response: StoredResponse, now: WallTime, replacingIndex isReplacement: Bool,
        holding token: AnyObject?
    ) {
        if isReplacement {
            let there = memory.peek(key, keyText: response.keyText, now: now)
            guard let there, there.kind == .varyIndex, there.id == response.id else { return }
        }
        if holdsWrites { writes.append((key, response, token)) } else { memory.store(key, response) }
    }

    /// The oldest write ends, or the one at that place.
    func endWrite(at place: Int = 0, isStored: Bool) {
        let (key, response, _) = writes.remove(at: place)
        if isStored { memory.store(key, response) }
    }

    func remove(_ keys: [CacheKey], receiver: (any StoreRemovalReceiver)?, token: UInt64) {
        removals.append((keys.count { memory.remove($0) }, receiver, token))
    }

    var state: StoreState {
        isClosed ? .down(.closed, since: WallTime(milliseconds: 0)) : .up(since: WallTime(milliseconds: 0))
    }

    var figures: RemoteStoreFigures {
        var figures = RemoteStoreFigures()
        figures.hits = memory.figures.hits
        figures.misses = memory.figures.misses
        return figures
    }

    func close() { isClosed = true }

    /// Carries out the writes that were held, and delivers the results of all pending lookups.
    func turn() {
        let writing = writes
        writes = []
        for (key, response, _) in writing { memory.store(key, response) }
        let answering = waiters.sorted { $0.key < $1.key }
        waiters = [:]
        for (_, waiter) in answering {
            if isClosed {
                waiter.receiver.storeDidAnswer(.failed(.closed), token: waiter.token)
            } else if let found = memory.lookup(waiter.key, keyText: waiter.keyText.span, now: waiter.now) {
                waiter.receiver.storeDidAnswer(.hit(found), token: waiter.token)
            } else {
                waiter.receiver.storeDidAnswer(.miss, token: waiter.token)
            }
        }
        let told = removals
        removals = []
        for (count, receiver, token) in told { receiver?.storeDidRemove(count, trouble: nil, token: token) }
    }
}

final class MemoryWorld: StoreUnderTest {
    let adapter = MemoryStoreAdapter()
    var store: any RemoteStore { adapter }
    let now = WallTime(milliseconds: 1_800_000_000_000)

    func settle() {}

    func work(until isDone: () -> Bool) {
        for _ in 0..<10 where !isDone() { adapter.turn() }
        #expect(isDone())
    }
}

@Suite("Store conformance: memory")
struct MemoryConformanceTests {
    @Test("The memory store behaves as every store does", arguments: StoreConformance.behaviours)
    func conforms(_ behaviour: StoreBehaviour) {
        behaviour.check(MemoryWorld())
    }
}
