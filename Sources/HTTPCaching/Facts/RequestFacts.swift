// The facts of a request that matter for caching: RFC 9111 §5.2.1, §5.4, RFC 5861 §4, and which conditions it has.
// Collected field by field from the head, fixed in size. Most requests have none: `isPlain` tests that with one
// comparison.

import Bytes
import HTTPSemantics

package struct RequestFacts: Sendable {
    package struct Flags: OptionSet, Sendable {
        package let rawValue: UInt32
        @inlinable
        package init(rawValue: UInt32) { self.rawValue = rawValue }

        package static let noStore = Flags(rawValue: 1 << 0)
        package static let noCache = Flags(rawValue: 1 << 1)
        package static let maxAge = Flags(rawValue: 1 << 2)
        package static let minFresh = Flags(rawValue: 1 << 3)
        package static let maxStale = Flags(rawValue: 1 << 4)
        package static let onlyIfCached = Flags(rawValue: 1 << 5)
        package static let staleIfError = Flags(rawValue: 1 << 6)
        package static let cacheControl = Flags(rawValue: 1 << 7)
        package static let pragmaNoCache = Flags(rawValue: 1 << 8)
        package static let authorization = Flags(rawValue: 1 << 9)
        package static let ifMatch = Flags(rawValue: 1 << 10)
        package static let ifNoneMatch = Flags(rawValue: 1 << 11)
        package static let ifModifiedSince = Flags(rawValue: 1 << 12)
        package static let ifUnmodifiedSince = Flags(rawValue: 1 << 13)
        package static let ifRange = Flags(rawValue: 1 << 14)
        package static let range = Flags(rawValue: 1 << 15)
        /// A credential that the route knows and the key doesn't name: see `noteCredentials()`.
        package static let credentials = Flags(rawValue: 1 << 16)
    }

    package private(set) var method: Method
    package private(set) var flags: Flags = []
    private var maxAgeValue: Seconds = 0
    private var minFreshValue: Seconds = 0
    private var maxStaleValue: Seconds = 0
    private var staleIfErrorValue: Seconds = 0

    package init(method: Method) { self.method = method }

    /// The same request with another method.
    package func with(method: Method) -> RequestFacts {
        var facts = self
        facts.method = method
        return facts
    }

    /// Whether no field of the request matters for caching. That is the usual case.
    package var isPlain: Bool { flags.rawValue == 0 }
    package var hasAuthorization: Bool { flags.contains(.authorization) }
    /// Whether the response may be for this client alone, though it doesn't say so.
    package var hasCredentials: Bool { flags.contains(.credentials) }
    package var hasRange: Bool { flags.contains(.range) }
    /// Whether the cache may respond 304: see `Conditionals`.
    package var hasConditions: Bool { !flags.isDisjoint(with: [.ifNoneMatch, .ifModifiedSince]) }
    /// Whether it has conditions that only the origin evaluates (RFC 9111 §4.3.2).
    package var hasOriginConditions: Bool { !flags.isDisjoint(with: [.ifMatch, .ifUnmodifiedSince]) }

    /// `no-cache`, or `Pragma: no-cache` where there is no Cache-Control (RFC 9111 §5.4).
    package var asksForValidation: Bool {
        flags.contains(.noCache) || (flags.contains(.pragmaNoCache) && !flags.contains(.cacheControl))
    }
    package var maxAge: Seconds? { flags.contains(.maxAge) ? maxAgeValue : nil }
    package var minFresh: Seconds? { flags.contains(.minFresh) ? minFreshValue : nil }
    /// The staleness that the client accepts; the greatest delta for `max-stale` without a value.
    package var maxStale: Seconds? { flags.contains(.maxStale) ? maxStaleValue : nil }
    package var staleIfError: Seconds? { flags.contains(.staleIfError) ? staleIfErrorValue : nil }

    /// Notes that the request has a field that tells who sends it, such as `Cookie`, and that its key doesn't name.
    package mutating func noteCredentials() { flags.insert(.credentials) }

    /// The key names `Authorization`: what is stored for the request is for the same caller only, so RFC 9111 §3.5, which
    /// is about what one caller's response is to others, has nothing to say.
    package mutating func noteKeyedAuthorization() { flags.remove(.authorization) }

    /// Notes one field line; repeated lines are combined.
    package mutating func note(_ field: FieldName, _ value: Span<UInt8>) {
        switch field {
        case .cacheControl: noteCacheControl(value)
        case .pragma: notePragma(value)
        case .authorization: flags.insert(.authorization)
        case .ifMatch: flags.insert(.ifMatch)
        case .ifNoneMatch: flags.insert(.ifNoneMatch)
        case .ifModifiedSince: flags.insert(.ifModifiedSince)
        case .ifUnmodifiedSince: flags.insert(.ifUnmodifiedSince)
        case .ifRange: flags.insert(.ifRange)
        case .range: flags.insert(.range)
        default: break
        }
    }

    private mutating func noteCacheControl(_ value: Span<UInt8>) {
        flags.insert(.cacheControl)
        var walker = DirectiveWalker()
        while let directive = walker.next(in: value) {
            let name = value.extracting(directive.name)
            if name.isCaseless("no-cache") {
                flags.insert(.noCache)
            } else if name.isCaseless("no-store") {
                flags.insert(.noStore)
            } else if name.isCaseless("only-if-cached") {
                flags.insert(.onlyIfCached)
            } else if name.isCaseless("max-age") {
                let seconds = seconds(of: directive, in: value) ?? 0
                maxAgeValue = flags.contains(.maxAge) ? min(maxAgeValue, seconds) : seconds
                flags.insert(.maxAge)
            } else if name.isCaseless("min-fresh") {
                // Its intent is unknown, so an invalid value is ignored.
                guard let seconds = seconds(of: directive, in: value) else { continue }
                minFreshValue = max(minFreshValue, seconds)
                flags.insert(.minFresh)
            } else if name.isCaseless("max-stale") {
                let seconds = directive.argument == .none ? .greatestDelta : seconds(of: directive, in: value) ?? 0
                maxStaleValue = flags.contains(.maxStale) ? min(maxStaleValue, seconds) : seconds
                flags.insert(.maxStale)
            } else if name.isCaseless("stale-if-error") {
                let seconds = seconds(of: directive, in: value) ?? 0
                staleIfErrorValue = flags.contains(.staleIfError) ? min(staleIfErrorValue, seconds) : seconds
                flags.insert(.staleIfError)
            }
        }
    }

    private func seconds(of directive: Directive, in value: Span<UInt8>) -> Seconds? {
        switch directive.argument {
        case .token(let range), .quoted(let range): Seconds(delta: value.extracting(range))
        case .none, .malformed: nil
        }
    }

    private mutating func notePragma(_ value: Span<UInt8>) {
        var walker = DirectiveWalker()
        while let directive = walker.next(in: value) {
            if value.extracting(directive.name).isCaseless("no-cache") { flags.insert(.pragmaNoCache) }
        }
    }
}
