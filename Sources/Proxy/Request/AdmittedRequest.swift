// What is known of a request before anything is looked up for it: the message, the route that takes it, and what its fields
// say about caching. Written while it is routed and admitted, and not changed after that, so that a fill can go on with it
// when the client is gone.

import Bytes
import CacheStorage
import Clients
import EventLoop
import HTTPCaching
import HTTPSemantics
import HTTPWire
import Routing

/// A request as its steps, its fills and its explanation see it, which share it by reference.
final class AdmittedRequest: RequestMessage, FieldValueSource {
    /// The configuration that it began in; a reload in the meantime is the next request's.
    private(set) var runtime: RuntimeConfiguration
    var match: RouteMatch?
    /// Nil until a route takes it.
    var entry: RouteEntry?
    var facts = RequestFacts(method: .get)
    var scheme = URIScheme.http
    /// What was collected of the content is its beginning only, and is forwarded first.
    var collectedIsPrefix = false
    /// The digest by which content that was understood is part of the key; nil where that is the digest of its bytes.
    private(set) var contentDigest: MD5Digest?
    /// It asks to leave HTTP, on a route that allows it.
    var wantsTunnel = false
    /// What it is called, once it was given a name here.
    var madeIdentifier: UInt128?

    init(on loop: EventLoop, _ runtime: RuntimeConfiguration) {
        self.runtime = runtime
        super.init(on: loop)
    }

    /// A request that no client sent, from the bytes of its head; it is to be parsed.
    init(described bytes: Span<UInt8>, on loop: EventLoop, _ runtime: RuntimeConfiguration) {
        self.runtime = runtime
        super.init(described: bytes, on: loop)
    }

    /// It has been received, and belongs to the configuration of this moment.
    func begin(in runtime: RuntimeConfiguration) { if self.runtime !== runtime { self.runtime = runtime } }

    override func reset() {
        super.reset()
        match = nil
        entry = nil
        facts = RequestFacts(method: .get)
        scheme = .http
        collectedIsPrefix = false
        contentDigest = nil
        wantsTunnel = false
        madeIdentifier = nil
    }

    var policy: RoutePolicy? { entry?.policy }
    var fieldScratch: FieldScratch { runtime.fieldScratch }

    /// The path with the query and its `?`.
    var target: [UInt8] {
        let bytes = bytes
        var target = bytes.extracting(head.path).copied()
        target += queryWithMark
        return target
    }

    /// The path that the upstream is asked for; nil where it can't be asked for this one.
    var upstreamPath: [UInt8]? {
        let bytes = bytes
        if let forwarded = entry?.forwardedPath, let match { return forwarded.text(head, bytes, match) }
        if head.path.isEmpty { return [UInt8(ascii: "/")] }
        let path = bytes.extracting(head.path).copied()
        return entry?.mayHaveStored == true ? NormalTarget.form(of: bytes, in: head.path) ?? path : path
    }

    /// With its `?`; empty without one.
    var queryWithMark: [UInt8] {
        guard head.hasQuery else { return [] }
        var query: [UInt8] = [UInt8(ascii: "?")]
        query.append(bytes.extracting(head.query))
        return query
    }

    /// Notes what the fields say about caching.
    func noteFacts() {
        facts = RequestFacts(method: head.method)
        let present = head.present
        if !present.isDisjoint(with: Self.cachingFields) {
            let bytes = bytes
            for field in head.fields { facts.note(field.known, bytes.extracting(field.value)) }
        }
        guard let recipe = entry?.recipe else { return }
        if recipe.keysAuthorization { facts.noteKeyedAuthorization() }
        if !present.isDisjoint(with: recipe.credentialHint), recipe.credentials.areIn(head, bytes) {
            facts.noteCredentials()
        }
    }

    /// Whether it has something for which the route passes requests by the cache.
    func meets(_ bypass: BypassRules) -> Bool {
        let bytes = bytes
        return bypass.first(in: head, bytes) != nil
    }

    /// Reads the content where the route says that it understands it.
    /// - Returns: whether the request may use the cache.
    func readsContent() -> Bool {
        guard let recipe = entry?.recipe, recipe.isGraphQL, head.method == .post else { return true }
        let content = content
        contentDigest = recipe.readsContent(of: head, bytes, content.span)
        return contentDigest != nil
    }

    /// Whether the route says that this POST changes nothing.
    private var isReadingPost: Bool {
        guard head.method == .post, let entry, entry.policy?.postReads == true else { return false }
        return !entry.recipe.isGraphQL || contentDigest != nil
    }

    /// Whether a response with this status says that what is stored for the target is out of date (RFC 9111 §4.4).
    func invalidates(_ status: Status) -> Bool {
        mayChangeTarget && HTTPCaching.invalidates(head.method, status)
    }

    /// Whether what is stored for the target may be out of date once the origin has carried it out.
    var mayChangeTarget: Bool { !head.method.isSafe && !isReadingPost }

    /// Those of the protocols that it offers to switch to.
    func offeredUpgrades(amongst protocols: [[UInt8]]) -> [[UInt8]] { head.upgrades(amongst: protocols, in: bytes) }

    /// Whether it asks for server-sent events, whose response may begin long after it was asked for.
    var wantsEvents: Bool {
        guard head.contains(.accept) else { return false }
        let bytes = bytes
        for field in head.fields where field.known == .accept {
            var elements = ListElements(field.value)
            while let element = elements.next(in: bytes) {
                if Token.equalIgnoringCase(bytes.extracting(element), "text/event-stream") { return true }
            }
        }
        return false
    }

    /// Fields of a request that change what the cache does with it.
    private static let cachingFields: FieldSet = [
        .cacheControl, .pragma, .authorization, .ifMatch, .ifNoneMatch, .ifModifiedSince, .ifUnmodifiedSince, .ifRange,
        .range,
    ]

    /// The connection tells the scheme, unless a trusted proxy is at the other end: that says which scheme its client used, the first of a list if there were more of them; it is part of
    /// the key. X-Forwarded-Proto counts, which nearly every proxy sets; without it, Forwarded (RFC 7239 §5.4). Anything but the
    /// two schemes is not taken for one.
    func readScheme() {
        if isSecure { scheme = .https }
        guard head.contains(.xForwardedProto) || head.contains(.forwarded), runtime.trusts(peer) else { return }
        let bytes = bytes
        guard let value = head.first(.xForwardedProto) else {
            if head.isForwardedAsHTTPS(in: bytes) { scheme = .https }
            return
        }
        var elements = ListElements(value)
        guard let first = elements.next(in: bytes) else { return }
        if Token.equalIgnoringCase(bytes.extracting(first), "https") { scheme = .https }
        if Token.equalIgnoringCase(bytes.extracting(first), "http") { scheme = .http }
    }

    /// Whether the stored response answers the request's own condition with 304 (RFC 9110 §13).
    func isNotModified(_ stored: StoredResponse, now: Instant) -> Bool {
        var conditionals = Conditionals(method: facts.method, stored: stored.facts, now: now)
        let bytes = bytes
        for field in head.fields where field.known == .ifNoneMatch || field.known == .ifModifiedSince {
            conditionals.note(field.known, bytes.extracting(field.value), etag: stored.etag)
        }
        return conditionals.verdict == .notModified
    }

    /// Where the value of the one Range line stands, unless `If-Range` says that it doesn't count (RFC 9110 §14.2).
    func rangeThatCounts(for stored: StoredResponse) -> ByteRange? {
        guard let value = head.first(.range), head.fields.count(where: { $0.known == .range }) == 1 else { return nil }
        guard let condition = head.first(.ifRange) else { return value }
        // A date is the same for the codings of one content, whose bytes differ (RFC 9110 §8.8.1).
        if entry?.compression != nil, bytes[condition.upper - 1] != UInt8(ascii: "\"") { return nil }
        let holds = ifRangeHolds(
            bytes.extracting(condition), storedETag: stored.etag, storedLastModified: stored.lastModified,
            stored: stored.facts)
        return holds ? value : nil
    }

    /// The one range that a GET asks for (RFC 9110 §14.2).
    var oneRange: ByteRangeSpec? {
        guard facts.hasRange, head.method == .get, let value = head.first(.range),
            head.fields.count(where: { $0.known == .range }) == 1,
            case .one(let range) = RangeRequest(field: bytes.extracting(value))
        else { return nil }
        return range
    }

    /// Which parts of a complete response the request asks for. (Whoever calls this keeps no reference of its own to the
    /// request: one that is held while its response goes out can't serve again, and another would be made for each.)
    func ranges(of stored: StoredResponse, length: Int64) -> RangeSetVerdict {
        guard let value = rangeThatCounts(for: stored) else { return .whole }
        return rangeSetVerdict(bytes.extracting(value), length: length)
    }
}

extension URIScheme {
    private static let names = (http: Array("http".utf8), https: Array("https".utf8))

    package var name: [UInt8] { self == .https ? Self.names.https : Self.names.http }
}
