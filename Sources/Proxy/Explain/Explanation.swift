// What a request would come to, as it stands at one moment on one worker. Read off the request where it was stopped; it
// decides nothing of its own. No value of Authorization, Cookie or Set-Cookie is told.

import CacheStorage
import Configuration
import HTTPCaching
import HTTPWire

struct Explanation: Sendable {
    /// Where the request was stopped.
    enum End {
        /// It would be answered from the store.
        case answered
        /// It would go to the origin, or wait for another request's fetch.
        case forwarded(mayShare: Bool)
        case refused(Outcome, status: Int, WireError?)
    }

    /// What there is to be said first.
    enum Verdict: String, Sendable {
        case hit = "HIT"
        case stale = "STALE"
        case miss = "MISS"
        case bypass = "BYPASS"
        /// The origin is asked whether what is stored still holds: `REVALIDATED` if so, else a miss.
        case validate = "VALIDATE"
        case refused = "REFUSED"
    }

    struct Route: Sendable {
        let index: Int
        let path: String
        let host: String
        let upstream: String
    }

    struct Key: Sendable {
        let text: String
        let redis: String
    }

    /// One field that selects a variant (RFC 9111 §4.1).
    struct Selector: Sendable {
        let name: String
        /// Normalised, as it stands in the variant's key; nil where the request has no such field.
        let value: String?
    }

    let method: String
    let url: String
    let verdict: Verdict
    /// The status of Larder's own answer; nil where the store's or the origin's is passed on.
    let status: Int?
    let slug: String
    let sentence: String
    /// What `X-Cache` would say; of a validation, what it says if the origin answers 304.
    let xCache: String?
    let cacheStatus: String?
    let next: String
    let route: Route?
    let key: Key?
    /// The key of the variant that the request's fields select, and these fields.
    let variant: (redis: String, selectors: [Selector])?
    let stored: StoredAccount?
    /// The slug of the reason for which a background fetch would be begun.
    let refresh: String?
    let flight: FlightStanding?
    let isDroppedLately: Bool
    let storeTrouble: String?

    init(_ transaction: Transaction, _ end: End, refresh: Reason?) {
        let worker = transaction.worker
        method = transaction.requestMethod
        url = transaction.requestURL
        (verdict, status, slug, sentence) = Self.verdict(transaction, end)
        let said = verdict == .validate ? CacheVerdict.revalidated : transaction.verdict
        xCache = transaction.world.showsXCache ? "\((said == .none ? .bypass : said).text)" : nil
        cacheStatus = transaction.world.showsCacheStatus ? Self.cacheStatus(transaction, end, slug) : nil
        route = transaction.entry.map { Self.route($0, transaction.world.configuration) }
        key = transaction.plainKeyText.map { text in
            Key(text: text, redis: worker.storeSettings.prefix + transaction.plainKey.hex)
        }
        variant = transaction.marker.map { marker in
            (worker.storeSettings.prefix + transaction.key.hex, transaction.selectors(named: marker.varyNames))
        }
        stored = (transaction.stored ?? transaction.partial?.known?.record).map {
            StoredAccount($0, now: worker.instant)
        }
        self.refresh = refresh.map { "\($0.slug)" }
        if key == nil {
            flight = nil
            isDroppedLately = false
        } else {
            flight = worker.shared.flights.standing(of: transaction.key, now: worker.loop.now)
            let invalidations = worker.shared.invalidations
            isDroppedLately =
                invalidations.remembers(transaction.plainKey) || invalidations.remembers(transaction.key)
        }
        switch worker.remote?.state {
        case .limited(let trouble, _), .down(let trouble, _): storeTrouble = "\(trouble.sentence)"
        case .up, nil: storeTrouble = nil
        }
        next = NextMove(transaction, end, flight).text
    }

    private static func verdict(
        _ transaction: Transaction, _ end: End
    ) -> (Verdict, status: Int?, slug: String, sentence: String) {
        let verdict: Verdict
        switch end {
        case .refused(let outcome, let status, let wire):
            return (
                .refused, status, "\(wire?.code ?? outcome.slug)", "\(wire?.sentence ?? outcome.sentence)".asSentence
            )
        case .answered: verdict = transaction.verdict == .stale ? .stale : .hit
        case .forwarded:
            verdict = transaction.verdict == .bypass ? .bypass : transaction.isValidating ? .validate : .miss
        }
        if let reason = transaction.reason { return (verdict, nil, "\(reason.slug)", "\(reason.sentence)") }
        let outcome = transaction.isTunnel ? .tunnel : transaction.verdict.outcome
        return (verdict, nil, "\(outcome.slug)", "\(outcome.sentence)".asSentence)
    }

    /// Without what only the origin's answer can tell: its status, and whether it is stored.
    private static func cacheStatus(_ transaction: Transaction, _ end: End, _ slug: String) -> String? {
        let member: CacheStatus
        switch end {
        case .refused: return "larder; detail=\(slug)"
        case .answered:
            guard let stored = transaction.stored else { return nil }
            var hit = CacheStatus(.hit)
            hit.timeToLive = stored.facts.timeToLive(at: transaction.worker.instant)
            hit.detail = transaction.reason
            member = hit
        case .forwarded:
            transaction.forward = transaction.reason?.forward ?? .miss
            member = transaction.forwardedStatus(isStored: false)
        }
        var text: [UInt8] = []
        member.append(to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    private static func route(_ entry: RouteEntry, _ configuration: Configuration) -> Route {
        let route = configuration.routes[entry.index]
        return Route(
            index: entry.index, path: route.path.description, host: route.host.description, upstream: route.upstream)
    }
}

extension String {
    /// The outcomes' sentences stand within others elsewhere.
    fileprivate var asSentence: String { prefix(1).uppercased() + dropFirst() + (hasSuffix(".") ? "" : ".") }
}
