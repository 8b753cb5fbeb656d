// The protocol of stores that need a round trip. The hit path uses the memory store directly; all other stores
// implement this protocol, where the cost of an existential call is negligible next to a system call. Every store
// passes the conformance suite of Tests/CacheStorageTests.

/// The result of a lookup.
package enum StoreAnswer {
    /// The record with that key text. It may be stale, and it may be a vary index.
    case hit(StoredResponse)
    /// Nothing stands at the key.
    case miss
    /// Something else stands at the key. The request continues as after a miss, or waits for the fetch that it shows.
    case occupied(StoreOccupant)
    /// The store failed. The request continues as after a miss.
    case failed(StoreTrouble)
}

/// Receives the result of a lookup, on the worker thread that asked, never from within `lookup` itself.
package protocol StoreReceiver: AnyObject {
    func storeDidAnswer(_ answer: consuming StoreAnswer, token: UInt64)

    /// What was looked up is a large response, which has begun to arrive: asked once, before ``storeDidAnswer(_:token:)``, and
    /// once more if it is to be.
    func storeDidBegin(_ record: any ArrivingRecord, token: UInt64) -> ArrivingRecordUse
}

extension StoreReceiver {
    /// By default it waits for the whole.
    package func storeDidBegin(_ record: any ArrivingRecord, token: UInt64) -> ArrivingRecordUse { .awaitWhole }
}

/// Receives the result of a removal.
package protocol StoreRemovalReceiver: AnyObject {
    /// `removed` records were removed. With a `trouble`, the number is unknown.
    func storeDidRemove(_ removed: Int, trouble: StoreTrouble?, token: UInt64)
}

/// Identifies a lookup in progress, so that it can be cancelled.
package struct StoreTicket: Sendable, BitwiseCopyable, Equatable {
    package var number: UInt64

    package init(number: UInt64) {
        self.number = number
    }
}

/// The immediate result of starting a lookup.
package enum LookupStart: Sendable, BitwiseCopyable {
    /// The receiver will be called, once. Each command of the lookup is subject to the store's timeout.
    case pending(StoreTicket)
    /// The store is down or slow, or its queue is full: the receiver is not called.
    case failed(StoreTrouble)
}

extension RemoteStore {
    package var server: UInt64 { 0 }
    package var hasUnconfirmedRemovals: Bool { false }

    package func isDown(at key: CacheKey) -> Bool { if case .down = state { true } else { false } }

    /// As above, of a whole record.
    package func lookup(
        _ key: CacheKey, keyText: Span<UInt8>, now: WallTime, receiver: any StoreReceiver, token: UInt64
    ) -> LookupStart {
        lookup(key, keyText: keyText, as: .whole, now: now, receiver: receiver, token: token)
    }

    /// As above, without a token.
    package func store(_ key: CacheKey, _ response: StoredResponse, now: WallTime) {
        store(key, response, now: now, over: nil, holding: nil)
    }
}

/// A store on the other side of a connection, as one worker sees it. Used only on its worker's thread.
package protocol RemoteStore: AnyObject {
    /// Looks up the record at `key` whose key text is `keyText`; a record with another text, or of another form, is a miss.
    func lookup(
        _ key: CacheKey, keyText: Span<UInt8>, as form: RecordForm, now: WallTime, receiver: any StoreReceiver,
        token: UInt64
    ) -> LookupStart

    /// Cancels a lookup: the receiver is released at once and not called. Unknown and finished tickets are ignored.
    func cancel(_ ticket: StoreTicket)

    /// Stores `response` at `key` until its `discardAt`, in the form that its flags say. Best effort: a write that can't be
    /// sent is discarded and counted.
    /// - Parameters:
    ///   - fence: what must stand at the key at that moment; nil stores whatever stands there.
    ///   - token: retained until the write is confirmed, refused or abandoned.
    func store(
        _ key: CacheKey, _ response: StoredResponse, now: WallTime, over fence: StoreFence?,
        holding token: (any StoreWriteHolder)?)

    /// Puts a placeholder at the key, which stands for ``StoreClaim/lifetime``.
    /// - Parameters:
    ///   - fence: what it may take the place of; nil where nothing may stand there.
    ///   - receiver: told once; nil if the result isn't needed, since a store over the claim shows it.
    func claim(
        _ key: CacheKey, _ claim: StoreClaim, over fence: StoreFence?, receiver: (any StoreClaimReceiver)?,
        token: UInt64)

    /// The placeholder stands for another ``StoreClaim/lifetime`` from now, if it still does.
    func extend(_ claim: StoreClaim, at key: CacheKey)

    /// Nothing is stored by that claim: its placeholder is removed, if it still stands.
    /// - Parameter milliseconds: leaves a marker in its place for so long: what the key brings can't be shared.
    func release(_ claim: StoreClaim, at key: CacheKey, hitForMiss milliseconds: Int64?)

    /// Removes records. `receiver` may be nil if the result isn't needed.
    func remove(_ keys: [CacheKey], receiver: (any StoreRemovalReceiver)?, token: UInt64)

    /// Whether the store has yet to say what became of a removal.
    var hasUnconfirmedRemovals: Bool { get }

    /// Tells the server that is asked from those that were before; 0 where there is only ever one.
    var server: UInt64 { get }

    var state: StoreState { get }

    /// Whether what is stored at the key can't be had; nothing at all where the key is `none`.
    func isDown(at key: CacheKey) -> Bool
    var figures: RemoteStoreFigures { get }

    /// Closes the connection. All pending lookups get `failed(.closed)`.
    func close()
}

/// Counters of one worker's view of a store; they only grow.
package struct RemoteStoreFigures: Sendable, BitwiseCopyable, Equatable {
    package var hits = 0
    package var misses = 0
    /// Lookups that exceeded `store.timeout`.
    package var timeouts = 0
    /// Lookups that failed for any other reason.
    package var failures = 0
    /// Lookups not started because too many were waiting.
    package var refusedLookups = 0
    /// Lookups not started because the store replies slowly.
    package var shedLookups = 0
    package var stores = 0
    /// Writes discarded because the store was down, full, or too slow.
    package var droppedStores = 0
    /// Records not written, since the placeholder or the record that they replace was removed or replaced meanwhile.
    package var overtakenStores = 0
    /// Placeholders put at keys, and those that were not, since something else stood there.
    package var claims = 0
    package var refusedClaims = 0
    /// Lookups that found the placeholder of a fetch, or a hit-for-miss marker.
    package var occupied = 0
    package var removals = 0
    /// Records that could not be used: of another version, damaged, or with another key text.
    package var unreadableRecords = 0
    /// Records whose rest could not be had any more while their beginning was being sent to clients.
    package var cutReads = 0
    package var connects = 0
    package var connectFailures = 0
    package var disconnects = 0
    /// Error replies of the store.
    package var errorReplies = 0
    package var bytesSent = 0
    package var bytesReceived = 0

    package init() {}

    /// The sum over workers.
    package mutating func add(_ other: RemoteStoreFigures) {
        hits += other.hits
        misses += other.misses
        timeouts += other.timeouts
        failures += other.failures
        refusedLookups += other.refusedLookups
        shedLookups += other.shedLookups
        stores += other.stores
        droppedStores += other.droppedStores
        overtakenStores += other.overtakenStores
        claims += other.claims
        refusedClaims += other.refusedClaims
        occupied += other.occupied
        removals += other.removals
        unreadableRecords += other.unreadableRecords
        cutReads += other.cutReads
        connects += other.connects
        connectFailures += other.connectFailures
        disconnects += other.disconnects
        errorReplies += other.errorReplies
        bytesSent += other.bytesSent
        bytesReceived += other.bytesReceived
    }
}
