// What is told about a stored response: its times, what it says of its reuse, its tags. Read from the facts and from the
// stored head; a Set-Cookie that is stored there is nobody's here.

import Bytes
import CacheStorage
import HTTPCaching
import HTTPSemantics
import HTTPWire

/// A value: it holds on to no record and may go to any thread.
package struct StoredSummary: Sendable {
    /// So many seconds that it may be used stale, and those that are left of them.
    package struct Allowance: Sendable {
        /// The whole allowance, in seconds.
        package let seconds: Int64
        /// What is left of it, in seconds; 0 once it is used up.
        package let left: Int64
    }

    /// The stored status.
    package let status: Int
    /// Only stretches of the content are stored (RFC 9111 §3.3).
    package let isPartial: Bool
    /// Bytes of content.
    package let size: Int
    /// Seconds (RFC 9111 §4.2.3).
    package let age: Int64
    /// The freshness lifetime in seconds (RFC 9111 §4.2.1).
    package let lifetime: Int64
    /// What is left of the lifetime, in seconds; zero or negative once it is stale.
    package let timeToLive: Int64
    /// Whether the route's `timeout` or `statuses` set the lifetime, and not the origin.
    package let isLifetimeFromRoute: Bool
    /// `Date`, as an HTTP date.
    package let date: String
    /// When the response arrived, as an HTTP date.
    package let storedAt: String
    /// When the store discards it, as an HTTP date.
    package let keptUntil: String
    /// The validator; nil where there is none.
    package let etag: String?
    /// The validator; nil where there is none.
    package let lastModified: String?
    /// The field as it is stored.
    package let contentType: String?
    /// The field as it is stored, its lines joined.
    package let cacheControl: String?
    /// Whether it may never be served stale.
    package let mustRevalidate: Bool
    /// Whether it may only be served after validation.
    package let noCache: Bool
    /// For how long it may be served stale while it is revalidated (RFC 5861 §3).
    package let staleWhileRevalidate: Allowance
    /// For how long it may be served stale when the origin fails (RFC 5861 §4).
    package let staleIfError: Allowance
    /// The tags by which it can be purged.
    package private(set) var tags: [String] = []
    /// Its cache groups (RFC 9875 §2).
    package private(set) var groups: [String] = []

    /// - Parameters:
    ///   - now: by the clock that ages are measured with.
    ///   - date: the same moment by the wall clock, in which moments are shown.
    init(_ stored: StoredResponse, now: Instant, date today: Instant) {
        let facts = stored.facts
        status = Int(stored.status)
        isPartial = stored.isPartial
        size = stored.bodyCount
        age = max(0, facts.currentAge(at: now).count)
        lifetime = facts.lifetime.count
        timeToLive = facts.timeToLive(at: now).count
        isLifetimeFromRoute = facts.flags.contains(.lifetimeFromRoute)
        date = Self.text(facts.date.secondsSinceEpoch)
        let shift = today.milliseconds(since: now)
        storedAt = Self.text((facts.responseTime.milliseconds &+ shift) / 1000)
        keptUntil = Self.text(stored.discardAt.advanced(byMilliseconds: shift).milliseconds / 1000)
        etag = stored.etag.isEmpty ? nil : stored.etag.text()
        lastModified = stored.lastModified.isEmpty ? nil : stored.lastModified.text()
        noCache = facts.flags.contains(.noCache)
        mustRevalidate = facts.flags.contains(.neverStale)
        let left = facts.millisecondsToLive(at: now)
        staleWhileRevalidate = Self.allowance(facts.staleWhileRevalidate, facts, left)
        staleIfError = Self.allowance(facts.staleIfError, facts, left)
        var contentType: String?
        var cacheControl: String?
        var tags: [String] = []
        var groups: [String] = []
        StoredHead.forEachLine(of: stored.head) { name, line in
            let value = StoredHead.value(of: line)
            let known = FieldName.recognise(name)
            if let separator = TagWalker.Separator(known) { tags += Self.tags(value, separator) }
            switch known {
            case .contentType: contentType = value.text()
            case .cacheControl: cacheControl = (cacheControl.map { $0 + ", " } ?? "") + value.text()
            case .cacheGroups: groups += Self.groups(value)
            default: break
            }
        }
        self.contentType = contentType
        self.cacheControl = cacheControl
        self.tags = tags
        self.groups = groups
    }

    /// - Parameter left: what is left of the lifetime, in milliseconds; negative once it is stale.
    private static func allowance(_ seconds: Seconds, _ facts: StoredFacts, _ left: Int64) -> Allowance {
        guard !facts.flags.contains(.neverStale) else { return Allowance(seconds: 0, left: 0) }
        let rest = max(0, seconds.count - max(0, (0 - max(left, -Int64.max)) / 1000))
        return Allowance(seconds: seconds.count, left: rest)
    }

    private static func tags(_ value: Span<UInt8>, _ separator: TagWalker.Separator) -> [String] {
        var tags: [String] = []
        var walker = TagWalker(separator)
        while let tag = walker.next(in: value) { tags.append(value.extracting(tag).text()) }
        return tags
    }

    private static func groups(_ value: Span<UInt8>) -> [String] {
        guard var walker = CacheGroups(field: value) else { return [] }
        var groups: [String] = []
        while let group = walker.next(in: value) { groups.append(value.extracting(group).text()) }
        return groups
    }

    private static func text(_ seconds: Int64) -> String {
        var text = ByteBuffer(minimumCapacity: 32)
        HTTPDate.append(seconds, to: &text)
        return text.span.text()
    }
}
