// Storing and removing records. Invalidated records can't come back from a fetch that began earlier; merely deleted
// ones can.

import HTTPCaching

extension Cache {
    /// Stores a record in every store that this worker uses. One whose key is invalidated at the same time, on any
    /// thread, is in none of them in the end.
    /// - Parameters:
    ///   - plainKey: the key without a variant; nil if that is `key`.
    ///   - began: when the record's fetch began; nil for a record that no fetch has brought.
    ///   - fence: what the record may take the place of in a remote store; nil for whatever is there.
    ///   - foundUntil: until when the record may be found before a remote store has it.
    ///   - token: released once the slowest store has confirmed the record or failed.
    /// - Returns: false if there is only the memory store and the record alone exceeds its limit.
    @discardableResult
    package func put(
        _ key: CacheKey, _ response: StoredResponse, of plainKey: CacheKey? = nil,
        since began: InvalidationMoment? = nil, over fence: StoreFence? = nil, foundUntil: WallTime = .never,
        now: WallTime, holding token: AnyObject? = nil
    ) -> Bool {
        let began = began ?? moment
        let plainKey = plainKey ?? key
        func isOvertaken() -> Bool { overtook(key, plainKey: plainKey, since: began) }
        guard let remote else { return memory?.store(key, response, unless: isOvertaken) ?? false }
        let origin = WriteOrigin(
            key: key, plainKey: plainKey, began: began, fence: fence, foundUntil: foundUntil,
            writer: ObjectIdentifier(self))
        let write = RemoteWrite(in: self, origin, of: response.id, holding: token)
        let shared = self.shared.writes.begin(response, write, unless: isOvertaken)
        if shared == nil { figures.unsharedWrites += 1 }
        remote.store(key, response, now: now, over: fence, holding: shared ?? write)
        // Whether it is stored shows later. A vary index's older copy may be used until then, and no longer than it may;
        // every other copy goes again if the store refuses the record.
        guard fence != .record(response.mark) else { return true }
        if self.shared.hearing.bindsCopies {
            // The store is about to name the key, so that a copy would go again. Until then it is found on its way.
            memory?.remove(key)
        } else {
            keepShortly(key, response, for: copyLifetime, now: now, unless: isOvertaken)
        }
        return true
    }

    /// Keeps a record as a copy in memory alone: the remote store was unavailable when it was fetched.
    package func keepCopyAlone(
        _ key: CacheKey, _ response: StoredResponse, of plainKey: CacheKey, since began: InvalidationMoment,
        now: WallTime
    ) {
        // Nobody tells what happens to the key in the store meanwhile, nor what has happened since the response was asked for.
        // It isn't found while purges of others aren't known: one that they have acknowledged may cover it.
        let whole = shared.hearing.bindsCopies ? min(copyLifetime, shared.hearing.graceMilliseconds) : copyLifetime
        let asked = WallTime(milliseconds: response.facts.requestTime.milliseconds)
        let lifetime = whole - max(now - asked, 0)
        keepShortly(key, response, for: lifetime, now: now) { overtook(key, plainKey: plainKey, since: began) }
    }

    /// Stores a record under the key that its new head says (RFC 9111 §4.1), and deletes it under the one that it had.
    /// - Parameters:
    ///   - plainKey: holds the new key's index, or the record itself: either has replaced what was there.
    ///   - began: when the record's fetch began.
    package func move(
        _ response: StoredResponse, from old: CacheKey, to key: CacheKey, plainKey: CacheKey,
        since began: InvalidationMoment, over fence: StoreFence? = nil, foundUntil: WallTime = .never, now: WallTime,
        holding token: AnyObject? = nil
    ) {
        put(
            key, response, of: plainKey, since: began, over: fence, foundUntil: foundUntil, now: now, holding: token)
        if old != key && old != plainKey { delete([old]) }
    }

    /// Keeps a record in memory alone, if there is a memory store: one that was made from others. Where these are in a remote
    /// store, it is made again before long, since nobody names its key when they change.
    /// - Parameter end: ``copiesEnd`` before those were looked up.
    package func keepInMemory(_ key: CacheKey, _ record: StoredResponse, until end: WallTime) {
        guard remote != nil, shared.hearing.bindsCopies else {
            memory?.store(key, record, session: remote == nil ? 0 : Hearing.shortLife)
            return
        }
        memory?.store(key, copy: record, of: heard, shared.hearing, usableUntil: end) { false }
    }

    /// Keeps a copy in memory of a record that the remote store has returned, unless it was invalidated meanwhile.
    /// - Parameter mark: taken before the store was asked.
    package func keepCopy(
        _ key: CacheKey, _ response: StoredResponse, of plainKey: CacheKey, since mark: HearingMark, now: WallTime
    ) {
        func isOvertaken() -> Bool { !isCurrent(response, key: key, plainKey: plainKey, now: now) }
        let hearing = shared.hearing
        guard hearing.bindsCopies else {
            return keepShortly(key, response, for: copyLifetime, now: now, unless: isOvertaken)
        }
        #if LARDER_BREAKABLE_RULES
            let mark =
                BreakableRule.session.isBroken
                ? HearingMark(session: hearing.mark.session, message: mark.message) : mark
        #endif
        guard mark.session != 0, hearing.graceMilliseconds > 0 else { return }
        memory?.store(key, copy: response, of: mark, hearing, unless: isOvertaken)
    }

    /// For so many milliseconds: this process isn't notified when the remote store's entry is removed.
    private func keepShortly(
        _ key: CacheKey, _ response: StoredResponse, for lifetime: Int64, now: WallTime, unless isOvertaken: () -> Bool
    ) {
        guard let memory, lifetime > 0 else { return }
        let until = min(response.discardAt, now.advanced(byMilliseconds: lifetime))
        guard until < response.discardAt, !keepsCopiesLonger else {
            memory.store(
                key, response, usableUntil: until, session: Hearing.shortLife, unless: isOvertaken)
            return
        }
        var description = response.description
        description.discardAt = until
        // The copy shares the body. A vary index is small, so it is made again.
        let copy: StoredResponse? =
            switch response.kind {
            case .response, .partial: response.refreshed(description, head: response.head)
            case .varyIndex:
                StoredResponse.varyIndex(
                    generation: response.id, discardAt: until, facts: response.facts, keyText: response.keyText,
                    names: response.varyNames, fence: description.fence, url: description.url)
            }
        if let copy { memory.store(key, copy, session: Hearing.shortLife, unless: isOvertaken) }
    }

    /// Notes that a variant is to be stored. If its generation then has too many variants, the oldest is deleted.
    package func noteVariant(_ key: CacheKey, of generation: UInt64, limit: Int) {
        guard let oldest = shared.variants.note(key, of: generation, limit: limit) else { return }
        figures.deletedVariants += 1
        delete([oldest])
    }

    // MARK: Removing

    /// Invalidates the records of these keys in all stores of this worker, and the responses of fetches in progress.
    /// - Parameter receiver: told how many records the remote store had, if there is one.
    /// - Returns: how many records were in memory.
    @discardableResult
    package func invalidate(
        _ keys: [CacheKey], at time: WallTime, receiver: (any StoreRemovalReceiver)? = nil, token: UInt64 = 0
    ) -> Int {
        let moment = shared.clock.note(keys, at: time)
        figures.invalidatedKeys += keys.count
        let removed = deleteFromMemory(keys)
        guard let remote else { return removed }
        let notice = RemovalNotice(shared.clock, keys, at: moment, receiver: receiver)
        remote.remove(keys, receiver: notice, token: token)
        return removed
    }

    /// Applies a purge that a response asks for: nothing is deleted, but records whose fetch began before aren't current any
    /// more, here from now on, and elsewhere as soon as the others have heard of it.
    package func apply(_ purge: Purge, at time: WallTime) {
        guard !purge.items.isEmpty else { return }
        count(purge)
        if usesRemote && shared.outbox.isOpen {
            shared.outbox.send(purge)
        } else {
            shared.purges.noteOwn(purge, at: time)
        }
    }

    private func count(_ purge: Purge) {
        for item in purge.items {
            switch item {
            case .tag, .group: figures.invalidatedGroups += 1
            case .url, .prefix, .host, .everything: figures.invalidatedPlaces += 1
            case .key: figures.invalidatedKeys += 1
            }
        }
    }

    /// Deletes records without invalidating them; a fetch in progress may store them again.
    package func delete(_ keys: [CacheKey]) {
        deleteFromMemory(keys)
        remote?.remove(keys, receiver: nil, token: 0)
    }

    /// - Returns: how many records were in memory.
    @discardableResult
    package func deleteFromMemory(_ keys: [CacheKey]) -> Int {
        for key in keys { shared.writes.remove(key) }
        guard let memory else { return 0 }
        return keys.count { memory.remove($0) }
    }

    /// A write has ended whose record was invalidated meanwhile. It may be in the middle of the store's own work, so the
    /// record is deleted later.
    func noteOvertakenWrite(_ key: CacheKey) {
        overtakenWrites.append(key)
        askToSettle()
    }

    /// A write has ended that may have come after that of a newer record, which is written again later.
    func noteRepeatedWrite(_ repetition: WriteRepetition) {
        repeatedWrites.append(repetition)
        askToSettle()
    }

    /// The remote store has refused a record: what stands at its key is another's. So is the copy that memory has of it.
    func dropCopy(of id: UInt64, at key: CacheKey) { memory?.remove(key, ofRecord: id) }

    /// Once for all that comes before it is done.
    private func askToSettle() {
        if overtakenWrites.count + repeatedWrites.count == 1 { writesNeedSettling?() }
    }

    /// Deletes the records whose writes were overtaken by their invalidation, and writes those again that may have come
    /// before an older one.
    package func settleWrites(now: WallTime) {
        // What was put since follows what is to be deleted.
        let (keys, repetitions) = (overtakenWrites.filter { !shared.writes.has($0) }, repeatedWrites)
        overtakenWrites = []
        repeatedWrites = []
        figures.overtakenWrites += keys.count
        figures.repeatedWrites += repetitions.count
        if !keys.isEmpty { delete(keys) }
        guard let remote else { return }
        for repetition in repetitions {
            let (record, origin) = (repetition.record, repetition.origin)
            let own = WriteOrigin(
                key: origin.key, plainKey: origin.plainKey, began: origin.began, fence: origin.fence,
                foundUntil: origin.foundUntil, writer: ObjectIdentifier(self))
            let write = RemoteWrite(in: self, own, of: record.id, holding: nil)
            guard let shared = shared.writes.repeatWrite(of: record, write) else { continue }
            let fence = origin.fence ?? (record.kind == .varyIndex ? .record(record.mark) : nil)
            remote.store(own.key, record, now: now, over: fence, holding: shared)
        }
    }

    // MARK: Fetches in progress

    /// The current moment. Whoever begins a fetch remembers it for ``overtook(_:since:)``, and for the fence of the record.
    package var moment: InvalidationMoment {
        var moment = shared.clock.now
        moment.fence = shared.purges.applied
        return moment
    }

    /// Whether the key was invalidated after `moment`, or may have been.
    package func overtook(_ key: CacheKey, since moment: InvalidationMoment) -> Bool {
        shared.clock.overtook(key, since: moment)
    }

    /// The same of a variant's key, which goes with its plain key.
    package func overtook(_ key: CacheKey, plainKey: CacheKey, since moment: InvalidationMoment) -> Bool {
        overtook(plainKey, since: moment) || key != plainKey && overtook(key, since: moment)
    }

    /// Whether an invalidation of either key is remembered. For operators' questions.
    package func remembersInvalidation(of key: CacheKey, plainKey: CacheKey) -> Bool {
        shared.clock.remembers(plainKey) || shared.clock.remembers(key)
    }
}
