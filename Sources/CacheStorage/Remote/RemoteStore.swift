// The contract for stores that need a round trip. The memory store is held concretely by the hit path; whatever else
// keeps responses stands behind this protocol, where one existential call disappears beside a system call. Every store
// passes the conformance suite of Tests/CacheStorageTests.

/// What became of a lookup.
package enum StoreAnswer {
    /// The record with that key text. It may be stale, and may be a vary marker.
    case hit(StoredResponse)
    case miss
    /// The store couldn't tell. The request goes on as if it had missed.
    case failed(StoreTrouble)
}

/// Who waits for a lookup. Answers arrive on the worker thread that asked, never from within `lookup` itself.
package protocol StoreReceiver: AnyObject {
    func storeDidAnswer(_ answer: consuming StoreAnswer, token: UInt64)
}

/// Who waits for a removal.
package protocol StoreRemovalReceiver: AnyObject {
    /// `removed` records are gone for good; with a trouble it isn't known how many are.
    func storeDidRemove(_ removed: Int, trouble: StoreTrouble?, token: UInt64)
}

/// Names a lookup in progress, so that it can be abandoned.
package struct StoreTicket: Sendable, BitwiseCopyable, Equatable {
    package var number: UInt64

    package init(number: UInt64) {
        self.number = number
    }
}

/// What a lookup came to at the moment of asking.
package enum LookupStart: Sendable, BitwiseCopyable {
    /// The receiver will be told, once; each command that it takes has the store's timeout.
    case pending(StoreTicket)
    /// The store is down or its queue is full: nothing will follow.
    case failed(StoreTrouble)
}

extension RemoteStore {
    /// As above, for who needn't know when it is done.
    package func store(_ key: CacheKey, _ response: StoredResponse, now: WallTime) {
        store(key, response, now: now, holding: nil)
    }
}

/// A store on the other side of a connection, as one worker sees it. Belongs to its worker's thread.
package protocol RemoteStore: AnyObject {
    /// Asks for the record at `key` whose key text is `keyText`; one with another text is a miss.
    func lookup(
        _ key: CacheKey, keyText: Span<UInt8>, now: WallTime, receiver: any StoreReceiver, token: UInt64
    ) -> LookupStart

    /// The receiver has gone away: it is let go of at once and hears nothing. Unknown and finished tickets are ignored.
    func cancel(_ ticket: StoreTicket)

    /// Puts `response` at `key` for as long as is left until its `discardAt`. Best effort: a write that can't go out is
    /// dropped and counted.
    /// - Parameter token: kept until the write is confirmed, refused or given up, and let go of then.
    func store(_ key: CacheKey, _ response: StoredResponse, now: WallTime, holding token: AnyObject?)

    /// Removes records. `receiver` may be nil when nobody needs to know.
    func remove(_ keys: [CacheKey], receiver: (any StoreRemovalReceiver)?, token: UInt64)

    var state: StoreState { get }
    var figures: RemoteStoreFigures { get }

    /// Gives up the connection. Everybody who waits is told `failed(.closed)`.
    func close()
}

/// Counters of one worker's view of a store; they only grow.
package struct RemoteStoreFigures: Sendable, BitwiseCopyable, Equatable {
    package var hits = 0
    package var misses = 0
    /// Lookups that ran past `store.timeout`.
    package var timeouts = 0
    /// Lookups answered `failed` for any other reason.
    package var failures = 0
    /// Lookups not begun because too many were waiting.
    package var refusedLookups = 0
    package var stores = 0
    /// Writes dropped because the store was down, full, or behind.
    package var droppedStores = 0
    package var removals = 0
    /// Records that were not to be read: of another version, or damaged, or with another key text.
    package var unreadableRecords = 0
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
        stores += other.stores
        droppedStores += other.droppedStores
        removals += other.removals
        unreadableRecords += other.unreadableRecords
        connects += other.connects
        connectFailures += other.connectFailures
        disconnects += other.disconnects
        errorReplies += other.errorReplies
        bytesSent += other.bytesSent
        bytesReceived += other.bytesReceived
    }
}
