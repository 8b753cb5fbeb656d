// What the remote store has confirmed, as far as invalidations are concerned: a removal that it has carried out need not be
// remembered for its sake, and a write that an invalidation overtook on its way is taken back. Redis carries out the commands
// of one connection in order; those of two workers come in any order.

/// Passes the result of a removal on, once the clock knows of it.
final class RemovalNotice: StoreRemovalReceiver {
    private let clock: InvalidationClock
    private let keys: [CacheKey]
    private let moment: InvalidationMoment
    private let receiver: (any StoreRemovalReceiver)?

    /// - Parameter moment: at which the keys were invalidated.
    init(
        _ clock: InvalidationClock, _ keys: [CacheKey], at moment: InvalidationMoment,
        receiver: (any StoreRemovalReceiver)?
    ) {
        self.clock = clock
        self.keys = keys
        self.moment = moment
        self.receiver = receiver
    }

    func storeDidRemove(_ removed: Int, trouble: StoreTrouble?, token: UInt64) {
        if trouble == nil { clock.noteDelivered(keys, at: moment) }
        receiver?.storeDidRemove(removed, trouble: trouble, token: token)
    }
}

/// Held by the remote store until a write is confirmed, refused or abandoned. If the record was invalidated by then, by
/// another worker, its removal may have come before the write.
final class RemoteWrite: StoreWriteHolder {
    private weak var cache: Cache?
    let origin: WriteOrigin
    private let record: UInt64
    private let token: AnyObject?
    private var isRefused = false
    /// What other writes to the key ask for.
    var sequel = WriteSequel.none

    /// - Parameters:
    ///   - record: the id of what is written.
    ///   - token: released together with this.
    init(in cache: Cache, _ origin: WriteOrigin, of record: UInt64, holding token: AnyObject?) {
        self.record = record
        self.cache = cache
        self.origin = origin
        self.token = token
    }

    /// Nobody notes what the store tells of it.
    func mayBeFound(at now: WallTime) -> Bool { false }

    func writeWasRefused() {
        isRefused = true
        cache?.dropCopy(of: record, at: origin.key)
    }

    deinit {
        guard let cache else { return }
        switch sequel {
        case .repeats(let repetition): cache.noteRepeatedWrite(repetition)
        // What stands there is another's.
        case _ where isRefused: break
        case .superseded: break
        case .deletes: cache.noteOvertakenWrite(origin.key)
        case .none:
            if cache.overtook(origin.key, plainKey: origin.plainKey, since: origin.began) {
                cache.noteOvertakenWrite(origin.key)
            }
        }
    }
}
