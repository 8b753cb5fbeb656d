// What a request would come to, as it stands at one moment on one worker. Read off the request where it was stopped; it
// decides nothing of its own. No value of Authorization, Cookie or Set-Cookie is told.

import Bytes
import CacheStorage
import Configuration
import HTTPCaching
import HTTPSemantics
import HTTPWire

/// A value of its own: it holds on to no request and may go to any thread.
package struct Explanation: Sendable {
    /// Where the request was stopped.
    enum End {
        /// It would be served from the store.
        case answered
        /// It would go to the origin, or wait for another request's fill.
        case forwarded(mayShare: Bool)
        case refused(Outcome, status: Int, WireError?)
    }

    /// What there is to be said first.
    package enum Verdict: String, Sendable {
        case hit = "HIT"
        case stale = "STALE"
        case miss = "MISS"
        case bypass = "BYPASS"
        /// The origin is asked whether what is stored still holds: `REVALIDATED` if so, else a miss.
        case validate = "VALIDATE"
        case refused = "REFUSED"
        /// Larder responds itself, as the route says or as its own server.
        case own = "OWN"
    }

    /// The route that matched, as the configuration has it.
    package struct Route: Sendable {
        /// Its place in `routes`, from 0.
        package let index: Int
        /// The path pattern, or several.
        package let path: String
        /// The host pattern, or several; empty for every host.
        package let host: String
        /// The name of its upstream; nil where Larder responds itself.
        package let upstream: String?
        /// The path that the upstream would be asked for; nil where no upstream would be.
        package let upstreamPath: String?
        /// What it changes of requests and responses, a sentence part each, without secrets.
        package let requestChanges: [String]
        package let responseChanges: [String]
    }

    /// Under what the response is stored, variants aside.
    package struct Key: Sendable {
        /// The key text.
        package let text: String
        /// The key of the record in Redis.
        package let redis: String
    }

    /// One field that selects a variant (RFC 9111 §4.1).
    package struct Selector: Sendable {
        /// The field's name as the response's `Vary` has it.
        package let name: String
        /// Normalised, as it stands in the variant's key; nil where the request has no such field.
        package let value: String?
    }

    /// A credential for which the route's own lifetime doesn't apply, and what can be done about it.
    package struct Credential: Sendable {
        /// The field's name as the request has it.
        package let field: String
        /// The field, and two ways out, in a sentence.
        package let sentence: String
    }

    /// Which coding the route puts a response in.
    package struct Compression: Sendable {
        /// As Content-Encoding has it; nil for none.
        package let coding: String?
        /// Why, in a sentence.
        package let sentence: String
    }

    /// The method as it was given.
    package let method: String
    /// The absolute URL; empty where the head could not be read.
    package let url: String
    /// What would become of the request.
    package let verdict: Verdict
    /// The status of Larder's own response; nil where the store's or the origin's is passed on.
    package let status: Int?
    /// The reason's name, as metrics and logs have it.
    package let slug: String
    /// The reason in a sentence.
    package let sentence: String
    /// What `X-Cache` would say; of a validation, what it says if the origin responds with 304.
    package let xCache: String?
    /// What `Cache-Status` would say (RFC 9211), as far as it is known before the origin responds.
    package let cacheStatus: String?
    /// What the request would do next, in words.
    package let next: String
    /// Nil where the request has none, or where its route gives no lifetime.
    package let credential: Credential?
    /// Nil where the route doesn't compress.
    package let compression: Compression?
    /// Nil where none matched.
    package let route: Route?
    /// Nil where the request has none, because nothing of it may be cached.
    package let key: Key?
    /// The key of the variant that the request's fields select, and these fields.
    package let variant: (redis: String, selectors: [Selector])?
    /// What the store has for the request; nil where it has nothing.
    package let stored: StoredSummary?
    /// The slug of the reason for which a background fetch would be begun.
    package let refresh: String?
    /// What is known of a fetch for the same key.
    package let fill: FillStanding?
    /// Whether the key was purged or invalidated a moment ago.
    package let isInvalidated: Bool
    /// What the route makes stale beside the URL if the request succeeds; empty for a safe one.
    package let invalidates: [String]
    /// The server that the request belongs to while all are up; nil unless a key decides (`balance: hash`).
    package let server: String?
    /// Why the remote store could not be asked; nil where it could, and where there is none.
    package let storeTrouble: String?
    /// What became of the latest response for the key; nil if there was none that is remembered.
    package let lastResponse: LastResponseSummary?
    /// Which servers of the upstream aren't up, and why; nil if all are.
    package let upstreamProblem: String?

    init(_ transaction: Transaction, _ end: End, refresh: Reason?) {
        let worker = transaction.worker
        method = transaction.request.methodText
        url = transaction.request.urlText
        let (verdict, status, slug, sentence) = Self.verdict(transaction, end)
        (self.verdict, self.status, self.slug) = (verdict, status, slug)
        credential = transaction.request.credential.map { Credential(field: $0.field, sentence: $0.sentence) }
        switch transaction.selection.reason {
        case .credentials: self.sentence = credential?.sentence ?? sentence
        case .bypassed: self.sentence = Self.bypass(transaction) ?? sentence
        default: self.sentence = sentence
        }
        compression = transaction.request.entry?.compression.map { _ in
            let codings = RequestCodings(transaction.request)
            return Compression(coding: codings.coding.map { "\($0.name)" }, sentence: codings.sentence)
        }
        let said = verdict == .validate ? CacheVerdict.revalidated : transaction.served.verdict
        xCache = transaction.runtime.showsXCache ? "\((said == .none ? .bypass : said).text)" : nil
        cacheStatus = transaction.runtime.showsCacheStatus ? Self.cacheStatus(transaction, end, slug) : nil
        route = transaction.request.entry.map {
            Self.route($0, transaction.request, transaction.runtime.configuration)
        }
        key = Self.plainKeyText(transaction).map { text in
            Key(text: text, redis: worker.storeSettings.prefix + transaction.selection.keys.plainKey.hex)
        }
        variant = transaction.selection.keys.varyIndex.map { index in
            let lists = index.varyNames
            let list = VaryLists.range(of: transaction.selection.keys.list, in: lists)
            return (
                worker.storeSettings.prefix + transaction.selection.keys.key.hex,
                transaction.request.selectors(named: lists.extracting(list))
            )
        }
        stored = (transaction.selection.stored ?? transaction.selection.partial?.known?.record).map {
            StoredSummary($0, now: worker.instant, date: worker.fills.date)
        }
        invalidates = transaction.request.invalidates(Status(200)) ? transaction.request.declaredTargetTexts : []
        server = transaction.request.preferredServer
        self.refresh = refresh.map { "\($0.slug)" }
        upstreamProblem = transaction.request.entry?.upstream?.problem(now: worker.loop.now)
        if key == nil {
            fill = nil
            isInvalidated = false
            lastResponse = nil
        } else {
            lastResponse = worker.shared.lastResponses.last(of: transaction.selection.keys.plainKey).map {
                LastResponseSummary($0, milliseconds: worker.wallTime.milliseconds)
            }
            fill = worker.shared.fills.standing(of: transaction.selection.keys.key, now: worker.loop.now)
            isInvalidated = worker.cache.remembersInvalidation(
                of: transaction.selection.keys.key, plainKey: transaction.selection.keys.plainKey)
        }
        storeTrouble = worker.cache.remoteTrouble.map { "\($0.sentence)" }
        next = NextMove(transaction, end, fill).text
    }

    /// The key text without what tells variants apart; nil where the request has none.
    private static func plainKeyText(_ transaction: Transaction) -> String? {
        let keys = transaction.selection.keys
        guard keys.plainCount > 0 else { return nil }
        var text: [UInt8] = []
        if keys.isTextKept { text += keys.text } else { transaction.worker.fills.composer.withText { text.append($0) } }
        return String(decoding: text.prefix(keys.plainCount), as: UTF8.self)
    }

    /// Which condition of the route's the request meets.
    private static func bypass(_ transaction: Transaction) -> String? {
        let request = transaction.request!
        let bytes = request.bytes
        guard let entry = request.entry, let rules = entry.bypass, let index = rules.first(in: request.head, bytes),
            let condition = transaction.runtime.configuration.routes[entry.index].cache?.bypass[index]
        else { return nil }
        return "The request has \(condition.text), which the route's `bypass` lists."
    }

    private static func verdict(
        _ transaction: Transaction, _ end: End
    ) -> (Verdict, status: Int?, slug: String, sentence: String) {
        let verdict: Verdict
        switch end {
        case .refused(let outcome, let status, let wire):
            return (
                outcome == .own ? .own : .refused, status, "\(wire?.code ?? outcome.slug)",
                "\(wire?.sentence ?? outcome.sentence)".asSentence
            )
        case .answered: verdict = transaction.served.verdict == .stale ? .stale : .hit
        case .forwarded:
            verdict =
                transaction.served.verdict == .bypass ? .bypass : transaction.selection.isValidating ? .validate : .miss
        }
        if let reason = transaction.selection.reason { return (verdict, nil, "\(reason.slug)", "\(reason.sentence)") }
        let outcome = transaction.request.wantsTunnel ? .tunnel : transaction.served.verdict.outcome
        return (verdict, nil, "\(outcome.slug)", "\(outcome.sentence)".asSentence)
    }

    /// Without what only the origin's response can tell: its status, and whether it is stored.
    private static func cacheStatus(_ transaction: Transaction, _ end: End, _ slug: String) -> String? {
        let member: CacheStatus
        switch end {
        case .refused: return "larder; detail=\(slug)"
        case .answered:
            guard let stored = transaction.selection.stored else { return nil }
            var hit = CacheStatus(.hit)
            hit.timeToLive = stored.facts.timeToLive(at: transaction.worker.instant)
            hit.detail = transaction.selection.reason
            member = hit
        case .forwarded:
            transaction.served.forward = transaction.selection.reason?.forward ?? .miss
            member = transaction.served.forwardedStatus(because: transaction.selection.reason)
        }
        var text: [UInt8] = []
        member.append(to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    private static func route(
        _ entry: RouteEntry, _ request: AdmittedRequest, _ configuration: Configuration
    ) -> Route {
        let route = configuration.routes[entry.index]
        let path = entry.upstream == nil ? nil : request.upstreamPath
        return Route(
            index: entry.index, path: route.pathText, host: route.hostText, upstream: route.upstream,
            upstreamPath: path.map { String(decoding: $0, as: UTF8.self) },
            requestChanges: route.request.summary,
            responseChanges: route.response.summary
                + (route.cacheControl.map { ["tell caches \($0.text)"] } ?? []))
    }
}

extension String {
    /// The outcomes' sentences stand within others elsewhere.
    fileprivate var asSentence: String { prefix(1).uppercased() + dropFirst() + (hasSuffix(".") ? "" : ".") }
}
