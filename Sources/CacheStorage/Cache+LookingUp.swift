// Lookups: memory responds at once, the remote store after a round trip. And whether the record found is still current.

import HTTPCaching

/// The immediate result of a lookup.
package enum CacheLookup {
    /// The record with that key text. It may be stale, and it may be a vary index.
    case hit(StoredResponse)
    case miss
    /// The remote store will call the receiver, once.
    case pending(StoreTicket)
    /// A miss in memory, and the remote store is unavailable.
    case failed(StoreTrouble)
}

extension Cache {
    /// Looks in memory first, then at what is being written to the remote store, then in that.
    /// - Parameter form: how the remote store's records of the key are stored.
    package func lookUp(
        _ key: CacheKey, keyText: Span<UInt8>, as form: RecordForm = .whole, now: WallTime, receiver: any StoreReceiver,
        token: UInt64
    ) -> CacheLookup {
        if let found = lookUpInMemory(key, keyText: keyText, now: now) { return .hit(found) }
        if let found = lookUpUnderWay(key, keyText: keyText, now: now) { return .hit(found) }
        return lookUpInRemote(key, keyText: keyText, as: form, now: now, receiver: receiver, token: token)
    }

    /// Looks in memory only: one lock, one retain, no allocation.
    package func lookUpInMemory(_ key: CacheKey, keyText: Span<UInt8>, now: WallTime) -> StoredResponse? {
        memory?.lookup(key, keyText: keyText, now: now, session: usableSession(now))
    }

    /// What ``lookUpInMemory(_:keyText:now:)`` would find, without side effects: nothing is counted, marked as used, or
    /// removed.
    package func peekInMemory(_ key: CacheKey, keyText: Span<UInt8>, now: WallTime) -> StoredResponse? {
        memory?.peek(key, keyText: keyText, now: now, session: usableSession(now))
    }

    /// The session whose copies may be used.
    @inline(__always)
    private func usableSession(_ now: WallTime) -> UInt32 { remote == nil ? 0 : shared.hearing.session(at: now) }

    /// To be taken before a look-up in the remote store, for the copy of what it brings.
    package var heard: HearingMark {
        let mark = shared.hearing.mark
        // While the master changes, one of the two connections may be ahead of the other.
        return remote?.server == shared.hearing.server ? mark : .deaf
    }

    /// Whether the remote store has told of a change to the key since that mark, or may have.
    package func hasChanged(_ key: CacheKey, since mark: HearingMark) -> Bool {
        guard shared.hearing.bindsCopies, mark.session != 0 else { return false }
        return !shared.hearing.lasts(mark) || memory?.isNamed(key, since: mark.message) == true
    }

    /// Whether every change in the remote store since that mark would have been heard of by now, but for those of the last
    /// `store.grace`.
    package func hears(since mark: HearingMark, now: WallTime) -> Bool {
        mark.session != 0 && shared.hearing.session(at: now) == mark.session
    }

    /// Until when copies may be used if no further sign of life comes: no change that isn't heard of yet is older than that less
    /// `store.grace`.
    package var copiesEnd: WallTime { shared.hearing.copiesEnd }

    /// What memory still has although a copy that old isn't used otherwise: for when the remote store is down. Nothing that was
    /// invalidated in this process is among it.
    /// - Parameter isCounted: whether the record counts as used.
    package func lookUpKept(
        _ key: CacheKey, keyText: Span<UInt8>, now: WallTime, isCounted: Bool
    ) -> StoredResponse? {
        memory?.lookUpKept(key, keyText: keyText, now: now, isCounted: isCounted)
    }

    /// The record that a worker of this process is writing to the remote store, which may not have it yet. As after the
    /// store's own reply, the caller checks whether it is current.
    package func lookUpUnderWay(_ key: CacheKey, keyText: Span<UInt8>, now: WallTime) -> StoredResponse? {
        guard knowsPurges(at: now) else { return nil }
        return shared.writes.record(at: key, keyText: keyText, now: now)
    }

    /// Looks in the remote store only; a miss at once if there is none.
    package func lookUpInRemote(
        _ key: CacheKey, keyText: Span<UInt8>, as form: RecordForm = .whole, now: WallTime, receiver: any StoreReceiver,
        token: UInt64
    ) -> CacheLookup {
        guard let remote else { return .miss }
        return switch remote.lookup(key, keyText: keyText, as: form, now: now, receiver: receiver, token: token) {
        case .pending(let ticket): .pending(ticket)
        case .failed(let trouble): .failed(trouble)
        }
    }

    /// Cancels a lookup; its receiver is not called. Unknown and finished tickets are ignored.
    package func cancel(_ ticket: StoreTicket) { remote?.cancel(ticket) }

    // MARK: Current or invalidated

    /// By how many milliseconds the clocks of two processes that share a store may differ.
    static let greatestSkew: Int64 = 10_000

    /// Whether a record from the remote store may be used: no invalidation of its keys covers it (the store may be slow to
    /// delete), and it doesn't come from the future. One that does was stored by a process whose clock was ahead, as before
    /// the machine's was set back; its age can't be known, and it would be fresh for too long.
    /// - Parameter plainKey: the key without a variant. Its invalidation covers all variants.
    package func isCurrent(_ record: StoredResponse, key: CacheKey, plainKey: CacheKey, now: WallTime) -> Bool {
        let arrived = WallTime(milliseconds: record.facts.responseTime.milliseconds)
        if now.advanced(byMilliseconds: Self.greatestSkew) < arrived { return false }
        let time = record.facts.requestTime
        if shared.clock.covers(plainKey, requestedAt: time) { return false }
        return key == plainKey || !shared.clock.covers(key, requestedAt: time)
    }

    // MARK: Purged or not

    /// Whether everything that other processes have purged is known here. If not, only the remote store's own replies are used.
    package func knowsPurges(at now: WallTime) -> Bool { remote == nil || shared.hearing.knowsPurges(at: now) }

    /// Which purges are applied. To be read before ``purgeVerdict(on:key:plainKey:url:scheme:authority:path:query:)`` is asked.
    package var purgeRevision: PurgeRevision { shared.purges.revision }

    /// Whether a record may be purged for one spelling of its query, and current for another.
    package var purgesReachQueries: Bool { shared.purges.reachesQueries }

    /// Whether a record was purged since its fetch began. See ``PurgeLog``. Allocates nothing.
    package func purgeVerdict(
        on record: StoredResponse, key: CacheKey, plainKey: CacheKey, url: CacheKey, scheme: Span<UInt8>,
        authority: Span<UInt8>, path: Span<UInt8>, query: Span<UInt8>
    ) -> PurgeVerdict {
        shared.purges.verdict(
            on: record, key: key, plainKey: plainKey, url: url, scheme: scheme, authority: authority, path: path,
            query: query)
    }

    /// The same of a record that is looked up by its key alone, for no URL.
    package func purgeVerdict(on record: StoredResponse, key: CacheKey) -> PurgeVerdict {
        if purgeRevision.isFirst { return .current }
        return purgeVerdict(
            on: record, key: key, plainKey: key, url: .none, scheme: Span(), authority: Span(), path: Span(),
            query: Span())
    }
}
