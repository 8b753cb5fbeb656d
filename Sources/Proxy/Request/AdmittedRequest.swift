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

/// A request as its steps, its fill and its explanation see it. Copies share the message.
struct AdmittedRequest {
    let message: RequestMessage
    /// The configuration that it began in; a reload in the meantime is the next request's.
    let runtime: RuntimeConfiguration
    var match: RouteMatch?
    /// Nil until a route takes it.
    var entry: RouteEntry?
    var facts = RequestFacts(method: .get)
    var scheme = URIScheme.http
    /// What was collected of the content is its beginning only, and is forwarded first.
    var collectedIsPrefix = false
    /// It asks to leave HTTP, on a route that allows it.
    var wantsTunnel = false

    init(_ message: RequestMessage, _ runtime: RuntimeConfiguration) {
        self.message = message
        self.runtime = runtime
    }

    var policy: RoutePolicy? { entry?.policy }

    /// The path with the query and its `?`.
    var target: [UInt8] {
        let bytes = message.bytes
        var target = bytes.extracting(message.head.path).copied()
        target += queryWithMark
        return target
    }

    /// With its `?`; empty without one.
    var queryWithMark: [UInt8] {
        guard message.head.hasQuery else { return [] }
        var query: [UInt8] = [UInt8(ascii: "?")]
        query.append(message.bytes.extracting(message.head.query))
        return query
    }

    /// Notes what the fields say about caching.
    mutating func noteFacts() {
        let message = self.message
        facts = RequestFacts(method: message.head.method)
        guard !message.head.present.isDisjoint(with: Self.cachingFields) else { return }
        let bytes = message.bytes
        for field in message.head.fields { facts.note(field.known, bytes.extracting(field.value)) }
    }

    /// Fields of a request that change what the cache does with it.
    private static let cachingFields: FieldSet = [
        .cacheControl, .pragma, .authorization, .ifMatch, .ifNoneMatch, .ifModifiedSince, .ifUnmodifiedSince, .ifRange,
        .range,
    ]

    /// A trusted proxy in front says which scheme its client used; it is part of the key.
    mutating func readForwardedScheme() {
        let message = self.message
        guard message.head.contains(.xForwardedProto), runtime.trusts(message.peer),
            let value = message.head.first(.xForwardedProto)
        else { return }
        let text = message.bytes.extracting(value)
        if text.count == 5, text[4] | 0x20 == UInt8(ascii: "s") { scheme = .https }
    }

    /// Whether the stored response answers the request's own condition with 304 (RFC 9110 §13).
    func isNotModified(_ stored: StoredResponse, now: Instant) -> Bool {
        var conditionals = Conditionals(method: facts.method, stored: stored.facts, now: now)
        let bytes = message.bytes
        for field in message.head.fields where field.known == .ifNoneMatch || field.known == .ifModifiedSince {
            conditionals.note(field.known, bytes.extracting(field.value), etag: stored.etag)
        }
        return conditionals.verdict == .notModified
    }

    /// Where the value of the one Range line stands, unless `If-Range` says that it doesn't count (RFC 9110 §14.2).
    func rangeThatCounts(for stored: StoredResponse) -> ByteRange? {
        let head = message.head.fields
        guard let value = message.head.first(.range), head.count(where: { $0.known == .range }) == 1 else { return nil }
        guard let condition = message.head.first(.ifRange) else { return value }
        let holds = ifRangeHolds(
            message.bytes.extracting(condition), storedETag: stored.etag, storedLastModified: stored.lastModified,
            stored: stored.facts)
        return holds ? value : nil
    }
}

extension URIScheme {
    var name: [UInt8] { Array((self == .https ? "https" : "http").utf8) }
}
