// Evaluates a client's conditions against a stored response (RFC 9111 §4.3.2, in the order of RFC 9110 §13.2.2). Only
// If-None-Match and If-Modified-Since are a cache's to evaluate; a request with If-Match or If-Unmodified-Since never
// comes here (`lookupVerdict` sends it to the origin). Field lines are evaluated one by one as they are noted, so no
// text is kept.

import Bytes
import HTTPSemantics

package enum ConditionalVerdict: Equatable, Sendable {
    /// The conditions don't apply: serve the complete stored response.
    case proceed
    /// Respond 304 with the stored response's fields (`StoredFieldRule.belongsIn304`).
    case notModified
}

package struct Conditionals: Sendable {
    private let method: Method
    private let isEvaluated: Bool
    /// If-Modified-Since is compared with this: Last-Modified, else Date, else the time of arrival.
    private let modificationTime: Instant
    private let now: Instant
    private var hasIfNoneMatch = false
    private var isMatched = false
    private var modifiedSinceLines = 0
    private var isUnmodified = false

    /// - Parameter now: needed for two-digit years only.
    package init(method: Method, stored: StoredFacts, now: Instant) {
        self.method = method
        // Conditions are ignored if the response without them would not be 2xx (RFC 9110 §13.2.1).
        isEvaluated = method.isSafe && (200..<300).contains(stored.status.code)
        modificationTime = stored.lastModified ?? stored.date
        self.now = now
    }

    /// Notes one field line of the request.
    /// - Parameter etag: the stored `ETag` field value; empty if there is none.
    package mutating func note(_ field: FieldName, _ value: Span<UInt8>, etag: Span<UInt8>) {
        switch field {
        case .ifNoneMatch:
            hasIfNoneMatch = true
            if !isMatched { isMatched = Self.matches(value, etag: etag) }
        case .ifModifiedSince:
            modifiedSinceLines += 1
            if let time = Instant(httpDate: value, now: now) {
                // Compared by whole seconds, the resolution that the client was given.
                isUnmodified = modificationTime.secondsSinceEpoch <= time.secondsSinceEpoch
            }
        default: break
        }
    }

    package var verdict: ConditionalVerdict {
        guard isEvaluated else { return .proceed }
        if hasIfNoneMatch { return isMatched ? .notModified : .proceed }
        // Several lines are invalid, and only GET and HEAD have this condition (RFC 9110 §13.1.3).
        let isDated = modifiedSinceLines == 1 && isUnmodified && (method == .get || method == .head)
        return isDated ? .notModified : .proceed
    }

    /// Weak comparison with every member; `*` matches any stored response (RFC 9110 §13.1.2).
    private static func matches(_ value: Span<UInt8>, etag: Span<UInt8>) -> Bool {
        let trimmed = value.trimming(value.indices)
        if trimmed.count == 1, value[trimmed.lowerBound] == 0x2A { return true }
        guard let stored = EntityTag(field: etag) else { return false }
        var walker = EntityTagWalker()
        while let tag = walker.next(in: value) {
            if tag.isWeaklyEqual(to: stored, value, etag) { return true }
        }
        return false
    }
}
