// Which fill a request that has to be fetched reads from, or which it begins. Those that ask for the whole share one; those
// that ask for the same range share one of their own, or read from one for the whole.

import CacheStorage
import EventLoop
import HTTPCaching
import HTTPSemantics

extension FillService {
    /// What a request that has to be fetched is to do.
    /// - Parameters:
    ///   - isBehind: a fill of the whole is under way, and takes too long to come to the range.
    ///   - worker, mailbox: where it would read.
    func join(
        _ request: AdmittedRequest, _ selection: Selection, isBehind: Bool = false, worker: Int,
        mailbox: Mailbox<FillFeed.Notice>
    ) -> FillRole {
        let keys = selection.keys
        let text = keys.text
        let range = request.oneRange
        // What is validated is all of it, and from the first byte on is all of it where the origin gives that.
        let isForWhole = range == nil || !isBehind && (range == .from(0) || selection.isValidating)
        let mayBegin = Self.mayShare(request, range)
        let isPersonal = Self.isPersonal(request)
        return table.join(
            keys.key, range: range, isPersonal: isPersonal, mayReadWhole: !isBehind, keyText: text.span, worker: worker,
            mailbox: mailbox, now: loop.now, asked: selection.asked,
            hasReplied: selection.sight != .unknown || selection.stored != nil,
            isOvertaken: {
                cache.overtook(keys.key, plainKey: keys.plainKey, since: $0.began)
                    || $0.fence.isBroken(at: keys.key, by: selection.sight, asked: selection.asked)
                    || isUncertain($0, request, selection)
            },
            make: {
                guard mayBegin else { return nil }
                return newFeed(
                    keys, range: range, scope: range.flatMap { isForWhole ? nil : .range($0) } ?? .whole,
                    isPersonal: isPersonal)
            })
    }

    /// Whether something may have happened in Redis to what a fetch brings, for a request that can't see that: it looked in vain,
    /// or the fetch has put nothing there. Without word of changes, the response may be given for as long as a copy in memory
    /// might; past that the request begins another fetch.
    private func isUncertain(_ feed: FillFeed, _ request: AdmittedRequest, _ selection: Selection) -> Bool {
        guard cache.usesRemote else { return false }
        let isBlind = selection.sight == .unknown
        guard isBlind || feed.fence.isAlone else { return false }
        if hasChanged(feed, at: selection.keys) { return true }
        // What is stale was found, and is being refreshed.
        if isBlind, selection.stored != nil { return false }
        guard let confirmed = feed.fence.confirmed, !cache.hears(since: feed.fence.heard, now: wallTime) else {
            return false
        }
        return loop.now.milliseconds(since: confirmed) > Self.grace(of: request)
    }

    /// For how long a response may be given without a look at what Redis has, in milliseconds. Where it is 0, clients
    /// that ask at about the same time still share a fetch.
    static func grace(of request: AdmittedRequest) -> Int64 {
        let grace = request.runtime.configuration.store.grace.rawValue
        return grace > 0 ? grace : 500
    }

    /// Whether Redis has told of a change to either key since the fetch began, or may have: for requests that couldn't see what
    /// stands there. The placeholder of the fetch itself counts, so that where Redis is in trouble, a key is fetched once more.
    private func hasChanged(_ feed: FillFeed, at keys: KeySelection) -> Bool {
        let heard = feed.fence.heard
        return cache.hasChanged(keys.plainKey, since: heard) || cache.hasChanged(keys.key, since: heard)
    }

    /// Whether it says who sends it: what comes may be for that client alone.
    static func isPersonal(_ request: AdmittedRequest) -> Bool {
        request.facts.hasCredentials
            || request.facts.hasAuthorization && request.policy?.allowAuthorization != true
    }

    /// Whether others may read from what the request would bring.
    /// - Parameter range: the one range that it asks for.
    private static func mayShare(_ request: AdmittedRequest, _ range: ByteRangeSpec?) -> Bool {
        if request.head.method == .head || request.facts.flags.contains(.noStore) { return false }
        guard request.facts.hasRange else { return true }
        // The conditions go on with the range, and the origin evaluates them for this client.
        return range != nil && !request.facts.hasConditions && !request.head.contains(.ifRange)
    }
}
