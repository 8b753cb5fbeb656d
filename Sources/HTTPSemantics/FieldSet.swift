// A set of known field names in one word: the fields of a head, those to be removed, those not allowed in trailers.

/// A set of known field names. `other` may be a member; it then represents every unknown name.
@usableFromInline
package struct FieldSet: Equatable, Sendable, ExpressibleByArrayLiteral {
    @usableFromInline var bits: UInt128

    @inlinable
    package init() { bits = 0 }

    @inlinable
    package init(arrayLiteral names: FieldName...) {
        bits = 0
        for name in names { insert(name) }
    }

    @inlinable
    init(bits: UInt128) { self.bits = bits }

    @inlinable package var isEmpty: Bool { bits == 0 }

    @inlinable
    package func contains(_ name: FieldName) -> Bool { (bits &>> UInt128(name.rawValue)) & 1 == 1 }

    @inlinable
    package mutating func insert(_ name: FieldName) { bits |= 1 &<< UInt128(name.rawValue) }

    @inlinable
    package mutating func remove(_ name: FieldName) { bits &= ~(1 &<< UInt128(name.rawValue)) }

    @inlinable
    package func union(_ other: FieldSet) -> FieldSet { FieldSet(bits: bits | other.bits) }

    @inlinable
    package func isDisjoint(with other: FieldSet) -> Bool { bits & other.bits == 0 }
}

extension FieldSet {
    /// RFC 9110 §7.6.1: fields of one connection, never carried to the next. Content-Length is here because framing is
    /// regenerated.
    package static let hopByHop: FieldSet = [
        .connection, .keepAlive, .proxyConnection, .te, .transferEncoding, .upgrade, .contentLength, .proxyAuthenticate,
        .proxyAuthorization,
    ]

    /// RFC 9110 §13.1 and §14.2: the fields that make a request conditional or partial. They are removed from a request
    /// whose response is to be stored.
    package static let conditionals: FieldSet = [
        .ifMatch, .ifNoneMatch, .ifModifiedSince, .ifUnmodifiedSince, .ifRange, .range,
    ]

    /// RFC 9110 §6.5.1: framing, routing, request modifiers, authentication, response control and content fields mean
    /// nothing, or something dangerous, in a trailer section.
    package static let forbiddenInTrailers: FieldSet = [
        .host, .connection, .contentLength, .transferEncoding, .te, .trailer, .upgrade, .keepAlive, .proxyConnection,
        .proxyAuthenticate, .proxyAuthorization, .wwwAuthenticate, .authorization, .xApiKey, .xAuthToken, .setCookie,
        .cookie, .expect, .via,
        .forwarded,
        .xForwardedFor, .xForwardedProto, .xForwardedHost, .maxForwards, .cacheControl, .cdnCacheControl,
        .larderCacheControl,
        .surrogateControl, .pragma, .expires, .age, .date, .vary, .location, .retryAfter, .warning, .ifMatch,
        .ifNoneMatch,
        .ifModifiedSince, .ifUnmodifiedSince, .ifRange, .range, .contentType, .contentEncoding, .contentLanguage,
        .contentRange,
        .contentLocation, .xCache, .cacheStatus, .cacheTag, .cachePurgeTags, .surrogateKey, .xkey, .cacheGroups,
        .cacheGroupInvalidation,
    ]
}
