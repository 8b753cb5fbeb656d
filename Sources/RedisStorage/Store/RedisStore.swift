// The store in Redis, as one worker sees it. This file decides whether an operation may be sent at all, and passes it
// to the part that performs it: Lookups, LargeReads, SmallWrites, LargeWrites, Removals. Connections and their failures
// are handled below it.
//
// If Redis is down, that costs nothing: every operation checks the connection first. If Redis hangs, each request in
// progress loses at most one time-out. If it is slow, no lookups are begun until it is quick again.

import Bytes
import CacheStorage
import EventLoop

package final class RedisStore: RemoteStore {
    private let context: StoreContext
    private let lookups: Lookups
    private let largeReads: LargeReads
    private let smallWrites: SmallWrites
    private let largeWrites: LargeWrites
    private let removals: Removals
    private let claims: Claims
    private let purgeReads: PurgeReads

    /// Called on every change of `state`, on the loop's thread; for the log. It must not call the store.
    package var stateChanged: ((StoreState) -> Void)?
    /// Called with the text of an error reply that has no known meaning, once for each kind; otherwise as above.
    package var sawUnknownError: ((String) -> Void)?
    /// Told why TLS has not come about, at each attempt.
    package var failedToSecure: ((String) -> Void)?

    /// Starts connecting at once. Create and use it on the loop's thread, and close it before the last reference is
    /// released.
    /// - Parameters:
    ///   - resolver: needed if the server is given by a host name.
    ///   - site: where the server is, or the servers, if others say so instead of the settings.
    ///   - budget: what records that are read may take of the memory, over all workers.
    ///   - liveRecords: the records in use, over all workers.
    ///   - undelivered: removals that Redis couldn't take, over all workers.
    ///   - purges, hearing: what was purged, and whether everything that was is known.
    package init(
        loop: EventLoop, settings: RedisSettings, resolver: Resolver?, site: StoreSite = .fixed,
        budget: MemoryBudget, liveRecords: LiveRecords, undelivered: UndeliveredRemovals,
        purges: PurgeLog, hearing: Hearing
    ) {
        let topology: any Topology =
            switch site {
            case .fixed: SingleTopology(loop: loop, settings: settings, resolver: resolver)
            case .master(let location):
                SentinelTopology(loop: loop, settings: settings, resolver: resolver, location: location)
            case .cluster(let location):
                ClusterTopology(loop: loop, settings: settings, resolver: resolver, location: location)
            }
        context = StoreContext(
            loop: loop, settings: settings, topology: topology, budget: budget, liveRecords: liveRecords,
            undelivered: undelivered, purges: purges, hearing: hearing)
        largeReads = LargeReads(context: context)
        purgeReads = PurgeReads(context: context)
        lookups = Lookups(context: context, largeReads: largeReads, purgeReads: purgeReads)
        smallWrites = SmallWrites(context: context)
        claims = Claims(context: context)
        largeWrites = LargeWrites(context: context, claims: claims)
        removals = Removals(context: context)
        removals.endSharing = { [lookups] in lookups.endSharing() }
        topology.open(delegate: self)
    }

    package var state: StoreState { context.topology.state }

    package func isDown(at key: CacheKey) -> Bool {
        let isOfOne = context.topology.isSplit && key != .none
        let state = isOfOne ? context.topology.connection(for: key).state.availability : state
        return if case .down = state { true } else { false }
    }

    package var figures: RemoteStoreFigures {
        var sum = context.figures
        context.topology.addFigures(to: &sum)
        return sum
    }

    /// The number of large records that were accepted but can't be read by other workers yet.
    package var uploads: Int { largeWrites.count }

    package func lookup(
        _ key: CacheKey, keyText: Span<UInt8>, as form: RecordForm, now: WallTime, receiver: any StoreReceiver,
        token: UInt64
    ) -> LookupStart {
        let connection = context.topology.connection(for: key)
        guard connection.isServing else {
            context.figures.failures += 1
            return .failed(connection.state.trouble)
        }
        let joined = lookups.join(
            key, keyText: keyText, as: form, now: now, receiver: receiver, token: token, on: connection)
        if let joined { return .pending(joined) }
        guard connection.hasRoom else {
            context.figures.refusedLookups += 1
            return .failed(.tooManyWaiting)
        }
        if largeWrites.count > 0, !form.isJSON, let record = largeWrites.record(at: key, keyText: keyText, now: now) {
            return .pending(lookups.finish(with: record, receiver: receiver, token: token))
        }
        guard connection.repliesSoon else {
            context.figures.shedLookups += 1
            return .failed(.tooSlow)
        }
        return .pending(
            lookups.begin(
                key, keyText: keyText, as: form, now: now, receiver: receiver, token: token, on: connection))
    }

    package func cancel(_ ticket: StoreTicket) { lookups.cancel(ticket) }

    package func store(
        _ key: CacheKey, _ response: StoredResponse, now: WallTime, over fence: StoreFence?,
        holding token: (any StoreWriteHolder)?
    ) {
        let connection = context.topology.connection(for: key)
        guard connection.takesWrites, response.lengths.keyText <= RecordFormat.pieceCount / 2 else {
            context.figures.droppedStores += 1
            return
        }
        largeWrites.abandon(key)
        lookups.endSharing()
        let isJSON = response.facts.flags.contains(.bareJSON)
        if !isJSON { context.liveRecords.note(key, response) }
        if response.discardAt <= now {
            // The record stored under the key is out of date, and the new one has expired already: delete the key.
            if let fence {
                claims.remove(fence, at: key, on: connection)
            } else {
                smallWrites.unlink(key, on: connection)
            }
        } else if isJSON || RecordFormat.headerCount + response.lengths.total <= RecordFormat.pieceCount {
            smallWrites.set(
                key, response, lifetime: response.discardAt - now, over: fence, holding: token, on: connection)
        } else {
            largeWrites.enqueue(key, response, over: fence, holding: token)
        }
    }

    package func claim(
        _ key: CacheKey, _ claim: StoreClaim, over fence: StoreFence?, receiver: (any StoreClaimReceiver)?,
        token: UInt64
    ) {
        let connection = context.topology.connection(for: key)
        guard connection.takesWrites else {
            let trouble = connection.isServing && !connection.hasRoom ? .tooManyWaiting : connection.state.trouble
            return claims.finishUnsent(trouble, receiver: receiver, token: token)
        }
        // A client waits for it, as for a lookup.
        guard connection.repliesSoon else { return claims.finishUnsent(.tooSlow, receiver: receiver, token: token) }
        lookups.endSharing()
        claims.begin(key, claim, over: fence, receiver: receiver, token: token, on: connection)
    }

    package func extend(_ claim: StoreClaim, at key: CacheKey) {
        let connection = context.topology.connection(for: key)
        guard connection.isServing, connection.hasRoom else { return }
        claims.extend(claim, at: key, on: connection)
    }

    package func release(_ claim: StoreClaim, at key: CacheKey, hitForMiss milliseconds: Int64?) {
        let connection = context.topology.connection(for: key)
        guard connection.isServing, connection.hasRoom else { return }
        lookups.endSharing()
        if let milliseconds {
            claims.markHitForMiss(claim, at: key, milliseconds: milliseconds, on: connection)
        } else {
            claims.remove(.claim(claim), at: key, on: connection)
        }
    }

    package func remove(_ keys: [CacheKey], receiver: (any StoreRemovalReceiver)?, token: UInt64) {
        lookups.endSharing()
        var uploadsAbandoned = 0
        for key in keys where largeWrites.abandon(key) { uploadsAbandoned += 1 }
        removals.begin(keys, uploadsAbandoned: uploadsAbandoned, receiver: receiver, token: token)
    }

    package var hasUnconfirmedRemovals: Bool { removals.unconfirmed > 0 }

    package var server: UInt64 { context.topology.number }

    package func close() { context.topology.close() }
}

extension RedisStore: RedisConnectionDelegate {
    func connectionDidChangeAvailability(_ connection: RedisConnection) {
        context.topology.connectionDidChangeAvailability(connection)
        stateChanged?(state)
    }

    func connectionDidAbandonCommands(_ connection: RedisConnection, because trouble: StoreTrouble) {
        largeReads.abandonAll(on: connection, because: trouble)
        largeWrites.abandonAll(on: connection)
    }

    func connectionDidProgress(_ connection: RedisConnection) {
        // Before anybody looks up what they are about.
        removals.sendUndelivered(on: connection)
        largeWrites.sendMore()
        context.deliveries.deliver()
        if context.deliveries.isEmpty { largeReads.dropUnneeded() }
    }

    func connectionNeedsWriteTest(_ connection: RedisConnection) { smallWrites.test(connection) }

    func connection(_ connection: RedisConnection, didSeeUnknownError text: String) { sawUnknownError?(text) }
    func connection(_ connection: RedisConnection, didFailToSecure reason: String) { failedToSecure?(reason) }

    func connection(_ connection: RedisConnection, didRefuse kind: RedisErrorKind) {
        context.topology.connection(connection, didRefuse: kind)
    }
}
