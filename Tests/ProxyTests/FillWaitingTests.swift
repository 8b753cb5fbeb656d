import CacheStorage
import Testing

@testable import Proxy

@Suite("A fill that waits for another process's fetch")
struct FillWaitingTests {
    /// A remote store that notes what it is asked, and replies when a test says so.
    private final class AskedStore: RemoteStore {
        private(set) var lookups: [(receiver: any StoreReceiver, token: UInt64)] = []
        private(set) var claims: [(receiver: (any StoreClaimReceiver)?, token: UInt64)] = []
        let state = StoreState.up(since: WallTime(milliseconds: 0))
        let figures = RemoteStoreFigures()

        func lookup(
            _ key: CacheKey, keyText: Span<UInt8>, as form: RecordForm, now: WallTime, receiver: any StoreReceiver,
            token: UInt64
        ) -> LookupStart {
            lookups.append((receiver, token))
            return .pending(StoreTicket(number: UInt64(lookups.count)))
        }

        func claim(
            _ key: CacheKey, _ claim: StoreClaim, over fence: StoreFence?, receiver: (any StoreClaimReceiver)?,
            token: UInt64
        ) {
            claims.append((receiver, token))
        }

        func cancel(_ ticket: StoreTicket) {}
        func store(
            _ key: CacheKey, _ response: StoredResponse, now: WallTime, over fence: StoreFence?,
            holding token: (any StoreWriteHolder)?
        ) {}
        func extend(_ claim: StoreClaim, at key: CacheKey) {}
        func release(_ claim: StoreClaim, at key: CacheKey, hitForMiss milliseconds: Int64?) {}
        func remove(_ keys: [CacheKey], receiver: (any StoreRemovalReceiver)?, token: UInt64) {}
        func close() {}
    }

    @Test("looks at once when it is told that the key has changed, and asks the origin when its own placeholder stands")
    func told() throws {
        let store = AskedStore()
        let scene = try FillScene(remote: store)
        let other = StoreOccupant(
            .claim(StoreClaim(instance: 1, number: 1, isShared: true)), ValueMark([1].span))
        scene.sight = .occupied(other)
        let reader = ScriptedReader()
        guard case .began(let fill) = try scene.ask(reader) else {
            Issue.record("the first request begins a fill")
            return
        }
        let key = fill.keys.key
        #expect(store.lookups.isEmpty && scene.sources.isEmpty)
        scene.service.keyHasChanged(CacheKey(high: 1, low: 1))
        #expect(store.lookups.isEmpty)
        scene.service.keyHasChanged(key)
        // Once: the pause is over.
        scene.service.keyHasChanged(key)
        #expect(store.lookups.count == 1)
        // It stands there still, and is looked at again when there is something new.
        store.lookups[0].receiver.storeDidAnswer(.occupied(other), token: store.lookups[0].token)
        scene.service.keyHasChanged(key)
        #expect(store.lookups.count == 2 && store.claims.isEmpty)
        store.lookups[1].receiver.storeDidAnswer(.miss, token: store.lookups[1].token)
        #expect(store.claims.count == 1 && scene.sources.isEmpty)
        store.claims[0].receiver?.storeDidClaim(.held, token: store.claims[0].token)
        #expect(scene.sources.count == 1)
        scene.service.keyHasChanged(key)
        #expect(store.lookups.count == 2)
        fill.end()
    }
}
