// What is told about a stored response: its times, what it says of its reuse, its tags. Read from the facts and from the
// stored head; a Set-Cookie that is stored there is nobody's here.

import CacheStorage
import HTTPCaching
import HTTPWire

struct StoredAccount: Sendable {
    /// So many seconds that it may be used stale, and those that are left of them.
    struct Allowance: Sendable {
        let seconds: Int64
        let left: Int64
    }

    let status: Int
    /// Only stretches of the content are stored (RFC 9111 §3.3).
    let isPartial: Bool
    let size: Int
    let age: Int64
    let lifetime: Int64
    /// Zero or negative once it is stale.
    let timeToLive: Int64
    let isLifetimeFromRoute: Bool
    /// HTTP dates.
    let date: String
    let storedAt: String
    let keptUntil: String
    let etag: String?
    let lastModified: String?
    let contentType: String?
    let cacheControl: String?
    let mustRevalidate: Bool
    let noCache: Bool
    let staleWhileRevalidate: Allowance
    let staleIfError: Allowance
    private(set) var tags: [String] = []
    private(set) var groups: [String] = []

    init(_ stored: StoredResponse, now: Instant) {
        let facts = stored.facts
        status = Int(stored.status)
        isPartial = stored.kind == .partial
        size = stored.bodyCount
        age = max(0, facts.currentAge(at: now).count)
        lifetime = facts.lifetime.count
        timeToLive = facts.timeToLive(at: now).count
        isLifetimeFromRoute = facts.flags.contains(.lifetimeFromRoute)
        date = Self.text(facts.date.secondsSinceEpoch)
        storedAt = Self.text(facts.responseTime.secondsSinceEpoch)
        keptUntil = Self.text(stored.discardAt.milliseconds / 1000)
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
        forEachLine(of: stored.head) { name, line in
            let value = fieldValue(line)
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
