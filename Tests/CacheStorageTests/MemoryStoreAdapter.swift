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
    /// What stands at keys without a record: until when, by the time of the last call.
    private var occupants: [CacheKey: (kind: StoreOccupant.Kind, end: WallTime)] = [:]
    private var now = WallTime(milliseconds: 1_800_000_000_000)
    private var claims: [(ClaimOutcome, (any StoreClaimReceiver)?, UInt64)] = []
    private var claimFigures = (held: 0, refused: 0, overtaken: 0)
    private var waiters: [UInt64: Waiter] = [:]
    private var removals: [(Int, (any StoreRemovalReceiver)?, UInt64)] = []
    private var nextTicket: UInt64 = 0
    private var isClosed = false
    /// Writes reach the store with the next turn only, or at ``endWrite(isStored:)``.
    var holdsWrites = false
    private(set) var writes: [Write] = []

    struct Write {
        let key: CacheKey
        let response: StoredResponse
        let fence: StoreFence?
        let token: (any StoreWriteHolder)?
    }

    func lookup(
        _ key: CacheKey, keyText: Span<UInt8>, as form: RecordForm, now: WallTime, receiver: any StoreReceiver,
        token: UInt64
    ) -> LookupStart {
        if isClosed { return .failed(.closed) }
        nextTicket += 1
        let text = keyText.withUnsafeBytes { Array($0) }
        self.now = now
        waiters[nextTicket] = Waiter(key: key, keyText: text, now: now, receiver: receiver, token: token)
        return .pending(StoreTicket(number: nextTicket))
    }

    func cancel(_ ticket: StoreTicket) { waiters[ticket.number] = nil }

    func store(
        _ key: CacheKey, _ response: StoredResponse, now: WallTime, over fence: StoreFence?,
        holding token: (any StoreWriteHolder)?
    ) {
        self.now = now
        let write = Write(key: key, response: response, fence: fence, token: token)
        if holdsWrites { writes.append(write) } else { carryOut(write) }
    }

    private func carryOut(_ write: Write) {
        if let fence = write.fence, !stands(fence, at: write.key) {
            claimFigures.overtaken += 1
            write.token?.writeWasRefused()
            return
        }
        occupants[write.key] = nil
        texts[write.key] = write.response.keyText.withUnsafeBytes { Array($0) }
        memory.store(write.key, write.response)
    }

    private func occupant(at key: CacheKey) -> StoreOccupant.Kind? {
        guard let found = occupants[key], now < found.end else { return nil }
        return found.kind
    }

    /// What memory has at the key: of no use to tests with more than one text of one key.
    private func record(at key: CacheKey) -> StoredResponse? {
        texts[key].flatMap { memory.peek(key, keyText: $0.span, now: now) }
    }
    private var texts: [CacheKey: [UInt8]] = [:]

    private func stands(_ fence: StoreFence, at key: CacheKey) -> Bool {
        switch fence {
        case .claim(let claim): occupant(at: key) == .claim(claim)
        case .record(let mark): record(at: key)?.mark == mark
        case .value(let mark): occupant(at: key).map { Self.mark(of: $0) } == mark
        }
    }

    private static func mark(of kind: StoreOccupant.Kind) -> ValueMark {
        let text = Array("\(kind)".utf8.suffix(ValueMark.longest))
        return ValueMark(text.span)
    }

    func claim(
        _ key: CacheKey, _ claim: StoreClaim, over fence: StoreFence?, receiver: (any StoreClaimReceiver)?,
        token: UInt64
    ) {
        let isFree = occupant(at: key) == nil && record(at: key) == nil
        guard fence.map({ stands($0, at: key) }) ?? isFree else {
            claimFigures.refused += 1
            claims.append((.taken, receiver, token))
            return
        }
        memory.remove(key)
        occupants[key] = (.claim(claim), now.advanced(byMilliseconds: StoreClaim.lifetime))
        claimFigures.held += 1
        claims.append((.held, receiver, token))
    }

    func extend(_ claim: StoreClaim, at key: CacheKey) {
        guard stands(.claim(claim), at: key) else { return }
        occupants[key]?.end = now.advanced(byMilliseconds: StoreClaim.lifetime)
    }

    func release(_ claim: StoreClaim, at key: CacheKey, hitForMiss milliseconds: Int64?) {
        guard stands(.claim(claim), at: key) else { return }
        occupants[key] = milliseconds.map { (.hitForMiss, now.advanced(byMilliseconds: $0)) }
    }

    /// The oldest write ends, or the one at that place.
    func endWrite(at place: Int = 0, isStored: Bool) {
        let write = writes.remove(at: place)
        if isStored { carryOut(write) }
    }

    func remove(_ keys: [CacheKey], receiver: (any StoreRemovalReceiver)?, token: UInt64) {
        for key in keys { occupants[key] = nil }
        removals.append((keys.count { memory.remove($0) }, receiver, token))
    }

    var state: StoreState {
        isClosed ? .down(.closed, since: WallTime(milliseconds: 0)) : .up(since: WallTime(milliseconds: 0))
    }

    var figures: RemoteStoreFigures {
        var figures = RemoteStoreFigures()
        figures.hits = memory.figures.hits
        figures.misses = memory.figures.misses
        figures.claims = claimFigures.held
        figures.refusedClaims = claimFigures.refused
        figures.overtakenStores = claimFigures.overtaken
        return figures
    }

    func close() { isClosed = true }

    /// Carries out the writes that were held, and delivers the results of all pending lookups.
    func turn() {
        let writing = writes
        writes = []
        for write in writing { carryOut(write) }
        let answering = waiters.sorted { $0.key < $1.key }
        waiters = [:]
        for (_, waiter) in answering {
            if isClosed {
                waiter.receiver.storeDidAnswer(.failed(.closed), token: waiter.token)
            } else if let found = memory.lookup(waiter.key, keyText: waiter.keyText.span, now: waiter.now) {
                waiter.receiver.storeDidAnswer(.hit(found), token: waiter.token)
            } else if let kind = occupant(at: waiter.key) {
                let occupant = StoreOccupant(kind, Self.mark(of: kind))
                waiter.receiver.storeDidAnswer(.occupied(occupant), token: waiter.token)
            } else {
                waiter.receiver.storeDidAnswer(.miss, token: waiter.token)
            }
        }
        let claimed = claims
        claims = []
        for (outcome, receiver, token) in claimed { receiver?.storeDidClaim(outcome, token: token) }
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
