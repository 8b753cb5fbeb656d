// Finding a record: memory at once, the remote store by a round trip; and whether what was found is still current.

import HTTPCaching

/// What a look-up has come to at the moment of asking.
package enum CacheLookup {
    /// The record with that key text. It may be stale, and may be a vary marker.
    case hit(StoredResponse)
    case miss
    /// The receiver will be told by the remote store, once.
    case pending(StoreTicket)
    /// Memory has nothing, and the remote store couldn't be asked.
    case failed(StoreTrouble)
}

extension Cache {
    /// Memory first, then the remote store.
    package func lookUp(
        _ key: CacheKey, keyText: Span<UInt8>, now: WallTime, receiver: any StoreReceiver, token: UInt64
    ) -> CacheLookup {
        if let found = lookUpInMemory(key, keyText: keyText, now: now) { return .hit(found) }
        return lookUpInRemote(key, keyText: keyText, now: now, receiver: receiver, token: token)
    }

    /// What memory has: one lock, one retain, no allocation.
    package func lookUpInMemory(_ key: CacheKey, keyText: Span<UInt8>, now: WallTime) -> StoredResponse? {
        memory?.lookup(key, keyText: keyText, now: now)
    }

    /// What ``lookUpInMemory(_:keyText:now:)`` would find, without a trace: nothing is counted, taken for used, or removed.
    package func peekInMemory(_ key: CacheKey, keyText: Span<UInt8>, now: WallTime) -> StoredResponse? {
        memory?.peek(key, keyText: keyText, now: now)
    }

    /// What memory has missed; a miss at once where there is no remote store.
    package func lookUpInRemote(
        _ key: CacheKey, keyText: Span<UInt8>, now: WallTime, receiver: any StoreReceiver, token: UInt64
    ) -> CacheLookup {
        guard let remote else { return .miss }
        return switch remote.lookup(key, keyText: keyText, now: now, receiver: receiver, token: token) {
        case .pending(let ticket): .pending(ticket)
        case .failed(let trouble): .failed(trouble)
        }
    }

    /// Whoever asked has gone away and hears nothing. Unknown and finished tickets are ignored.
    package func cancel(_ ticket: StoreTicket) { remote?.cancel(ticket) }

    // MARK: Current or invalidated

    /// Whether no invalidation of its keys covers what the remote store handed out: it may be slow to delete.
    /// - Parameter plainKey: the key without a variant; variants go with it.
    package func isCurrent(_ record: StoredResponse, key: CacheKey, plainKey: CacheKey) -> Bool {
        let time = record.facts.requestTime
        if shared.clock.covers(.key(plainKey), requestedAt: time) { return false }
        return key == plainKey || !shared.clock.covers(.key(key), requestedAt: time)
    }

    /// Whether no group and no tag of the record was invalidated after it was requested. Allocates nothing.
    /// - Parameters:
    ///   - scheme: of the record's origin, in lower case.
    ///   - authority: of the record's origin, in any case.
    package func isCurrent(_ record: StoredResponse, scheme: Span<UInt8>, authority: Span<UInt8>) -> Bool {
        if shared.clock.isEmpty(.groups) { return true }
        let flags = record.facts.flags
        guard flags.contains(.tagged) || flags.contains(.grouped) else { return true }
        let origin = GroupOrigin(scheme: scheme, authority: authority)
        return !shared.clock.coversGroup(of: record, from: origin)
    }
}
