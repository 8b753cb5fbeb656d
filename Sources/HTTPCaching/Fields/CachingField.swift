// The fields that caching decisions read. The proxy maps the names that its own parser knows to these and feeds the
// values to `RequestFacts` and `ResponseFacts`; every other field only matters to `Vary` and to `StoredFieldRule`.

import Bytes

package enum CachingField: UInt8, Sendable, CaseIterable {
    case cacheControl, cdnCacheControl, larderCacheControl, pragma, expires, age, date
    case etag, lastModified, vary, setCookie, authorization
    case ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince, ifRange, range
    case location, contentLocation, contentRange, contentType, contentLength, contentEncoding
    case connection, keepAlive, proxyConnection, proxyAuthenticate, proxyAuthorization, proxyAuthenticationInfo
    case te, trailer, transferEncoding, upgrade, xCache, cacheStatus
    case cacheTag, surrogateKey, xkey, cacheGroups, cacheGroupInvalidation, noVarySearch

    /// - Parameter name: a field name as received, in any case.
    package init?(name: Span<UInt8>) {
        for field in Self.allCases where name.isCaseless(field.name) {
            self = field
            return
        }
        return nil
    }

    /// The name in lowercase.
    package var name: StaticString {
        switch self {
        case .cacheControl: "cache-control"
        case .cdnCacheControl: "cdn-cache-control"
        case .larderCacheControl: "larder-cache-control"
        case .pragma: "pragma"
        case .expires: "expires"
        case .age: "age"
        case .date: "date"
        case .etag: "etag"
        case .lastModified: "last-modified"
        case .vary: "vary"
        case .setCookie: "set-cookie"
        case .authorization: "authorization"
        case .ifMatch: "if-match"
        case .ifNoneMatch: "if-none-match"
        case .ifModifiedSince: "if-modified-since"
        case .ifUnmodifiedSince: "if-unmodified-since"
        case .ifRange: "if-range"
        case .range: "range"
        case .location: "location"
        case .contentLocation: "content-location"
        case .contentRange: "content-range"
        case .contentType: "content-type"
        case .contentLength: "content-length"
        case .contentEncoding: "content-encoding"
        case .connection: "connection"
        case .keepAlive: "keep-alive"
        case .proxyConnection: "proxy-connection"
        case .proxyAuthenticate: "proxy-authenticate"
        case .proxyAuthorization: "proxy-authorization"
        case .proxyAuthenticationInfo: "proxy-authentication-info"
        case .te: "te"
        case .trailer: "trailer"
        case .transferEncoding: "transfer-encoding"
        case .upgrade: "upgrade"
        case .xCache: "x-cache"
        case .cacheStatus: "cache-status"
        case .cacheTag: "cache-tag"
        case .surrogateKey: "surrogate-key"
        case .xkey: "xkey"
        case .cacheGroups: "cache-groups"
        case .cacheGroupInvalidation: "cache-group-invalidation"
        case .noVarySearch: "no-vary-search"
        }
    }
}
