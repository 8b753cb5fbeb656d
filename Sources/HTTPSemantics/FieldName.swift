// The field names that Larder acts on. Everything else is `other` and is forwarded as it is.

/// A field name that Larder interprets, or `other`.
@usableFromInline
package enum FieldName: UInt8, Sendable, CaseIterable {
    case other = 0
    case host
    case connection
    case contentLength
    case transferEncoding
    case te
    case trailer
    case upgrade
    case keepAlive
    case proxyConnection
    case proxyAuthenticate
    case proxyAuthorization
    case proxyAuthenticationInfo
    case expect
    case via
    case forwarded
    case xForwardedFor
    case xForwardedProto
    case xForwardedHost
    case xRequestID
    case maxForwards
    case cacheControl
    case cdnCacheControl
    case larderCacheControl
    case surrogateControl
    case pragma
    case expires
    case age
    case date
    case etag
    case lastModified
    case vary
    case setCookie
    case cookie
    case authorization
    case xApiKey
    case xAuthToken
    case wwwAuthenticate
    case ifMatch
    case ifNoneMatch
    case ifModifiedSince
    case ifUnmodifiedSince
    case ifRange
    case range
    case accept
    case acceptEncoding
    case acceptLanguage
    case acceptRanges
    case contentType
    case contentEncoding
    case contentLanguage
    case contentRange
    case contentDisposition
    case location
    case contentLocation
    case retryAfter
    case cacheStatus
    case proxyStatus
    case xCache
    case server
    case userAgent
    case referer
    case origin
    case link
    case cacheTag
    case cachePurgeTags
    case surrogateKey
    case xkey
    case cacheGroups
    case cacheGroupInvalidation
    case noVarySearch
    case warning

    /// The name as Larder writes it; empty for `other`.
    package var text: StaticString {
        switch self {
        case .other: ""
        case .host: "Host"
        case .connection: "Connection"
        case .contentLength: "Content-Length"
        case .transferEncoding: "Transfer-Encoding"
        case .te: "TE"
        case .trailer: "Trailer"
        case .upgrade: "Upgrade"
        case .keepAlive: "Keep-Alive"
        case .proxyConnection: "Proxy-Connection"
        case .proxyAuthenticate: "Proxy-Authenticate"
        case .proxyAuthorization: "Proxy-Authorization"
        case .proxyAuthenticationInfo: "Proxy-Authentication-Info"
        case .expect: "Expect"
        case .via: "Via"
        case .forwarded: "Forwarded"
        case .xForwardedFor: "X-Forwarded-For"
        case .xForwardedProto: "X-Forwarded-Proto"
        case .xForwardedHost: "X-Forwarded-Host"
        case .xRequestID: "X-Request-Id"
        case .maxForwards: "Max-Forwards"
        case .cacheControl: "Cache-Control"
        case .cdnCacheControl: "CDN-Cache-Control"
        case .larderCacheControl: "Larder-Cache-Control"
        case .surrogateControl: "Surrogate-Control"
        case .pragma: "Pragma"
        case .expires: "Expires"
        case .age: "Age"
        case .date: "Date"
        case .etag: "ETag"
        case .lastModified: "Last-Modified"
        case .vary: "Vary"
        case .setCookie: "Set-Cookie"
        case .cookie: "Cookie"
        case .authorization: "Authorization"
        case .xApiKey: "X-Api-Key"
        case .xAuthToken: "X-Auth-Token"
        case .wwwAuthenticate: "WWW-Authenticate"
        case .ifMatch: "If-Match"
        case .ifNoneMatch: "If-None-Match"
        case .ifModifiedSince: "If-Modified-Since"
        case .ifUnmodifiedSince: "If-Unmodified-Since"
        case .ifRange: "If-Range"
        case .range: "Range"
        case .accept: "Accept"
        case .acceptEncoding: "Accept-Encoding"
        case .acceptLanguage: "Accept-Language"
        case .acceptRanges: "Accept-Ranges"
        case .contentType: "Content-Type"
        case .contentEncoding: "Content-Encoding"
        case .contentLanguage: "Content-Language"
        case .contentRange: "Content-Range"
        case .contentDisposition: "Content-Disposition"
        case .location: "Location"
        case .contentLocation: "Content-Location"
        case .retryAfter: "Retry-After"
        case .cacheStatus: "Cache-Status"
        case .proxyStatus: "Proxy-Status"
        case .xCache: "X-Cache"
        case .server: "Server"
        case .userAgent: "User-Agent"
        case .referer: "Referer"
        case .origin: "Origin"
        case .link: "Link"
        case .cacheTag: "Cache-Tag"
        case .cachePurgeTags: "Cache-Purge-Tags"
        case .surrogateKey: "Surrogate-Key"
        case .xkey: "xkey"
        case .cacheGroups: "Cache-Groups"
        case .cacheGroupInvalidation: "Cache-Group-Invalidation"
        case .noVarySearch: "No-Vary-Search"
        case .warning: "Warning"
        }
    }
}
