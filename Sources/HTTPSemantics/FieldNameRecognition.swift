// From bytes to a known field name: the length and one byte leave a single candidate, which is then compared in full. A
// test recognises every name in several spellings, so a new name that collides with another is noticed there.

import Bytes

extension FieldName {
    /// The known name that `name` spells in any case (RFC 9110 §5.1), or `other`.
    package static func recognise(_ name: Span<UInt8>) -> FieldName {
        guard let (candidate, text) = candidate(for: name) else { return .other }
        return Scan.equalsIgnoringCase(name, text) ? candidate : .other
    }

    @inline(__always)
    private static func candidate(for name: Span<UInt8>) -> (FieldName, StaticString)? {
        switch name.count {
        case 2: return (.te, "te")
        case 3:
            switch name[0].lowercased {
            case UInt8(ascii: "v"): return (.via, "via")
            case UInt8(ascii: "a"): return (.age, "age")
            default: return nil
            }
        case 4:
            switch name[0].lowercased {
            case UInt8(ascii: "h"): return (.host, "host")
            case UInt8(ascii: "d"): return (.date, "date")
            case UInt8(ascii: "e"): return (.etag, "etag")
            case UInt8(ascii: "v"): return (.vary, "vary")
            case UInt8(ascii: "l"): return (.link, "link")
            case UInt8(ascii: "x"): return (.xkey, "xkey")
            default: return nil
            }
        case 5: return (.range, "range")
        case 6:
            switch name[0].lowercased {
            case UInt8(ascii: "e"): return (.expect, "expect")
            case UInt8(ascii: "p"): return (.pragma, "pragma")
            case UInt8(ascii: "c"): return (.cookie, "cookie")
            case UInt8(ascii: "a"): return (.accept, "accept")
            case UInt8(ascii: "s"): return (.server, "server")
            case UInt8(ascii: "o"): return (.origin, "origin")
            default: return nil
            }
        case 7:
            switch name[0].lowercased {
            case UInt8(ascii: "t"): return (.trailer, "trailer")
            case UInt8(ascii: "u"): return (.upgrade, "upgrade")
            case UInt8(ascii: "e"): return (.expires, "expires")
            case UInt8(ascii: "x"): return (.xCache, "x-cache")
            case UInt8(ascii: "r"): return (.referer, "referer")
            case UInt8(ascii: "w"): return (.warning, "warning")
            default: return nil
            }
        case 8:
            switch name[3].lowercased {
            case UInt8(ascii: "m"): return (.ifMatch, "if-match")
            case UInt8(ascii: "r"): return (.ifRange, "if-range")
            case UInt8(ascii: "a"): return (.location, "location")
            default: return nil
            }
        case 9:
            switch name[0].lowercased {
            case UInt8(ascii: "f"): return (.forwarded, "forwarded")
            case UInt8(ascii: "c"): return (.cacheTag, "cache-tag")
            case UInt8(ascii: "x"): return (.xApiKey, "x-api-key")
            default: return nil
            }
        case 10:
            switch name[0].lowercased {
            case UInt8(ascii: "c"): return (.connection, "connection")
            case UInt8(ascii: "k"): return (.keepAlive, "keep-alive")
            case UInt8(ascii: "s"): return (.setCookie, "set-cookie")
            case UInt8(ascii: "u"): return (.userAgent, "user-agent")
            default: return nil
            }
        case 11: return (.retryAfter, "retry-after")
        case 12:
            switch (name[0].lowercased, name[6].lowercased) {
            case (UInt8(ascii: "m"), UInt8(ascii: "r")): return (.maxForwards, "max-forwards")
            case (UInt8(ascii: "x"), UInt8(ascii: "e")): return (.xRequestID, "x-request-id")
            case (UInt8(ascii: "c"), UInt8(ascii: "t")): return (.contentType, "content-type")
            case (UInt8(ascii: "c"), UInt8(ascii: "s")): return (.cacheStatus, "cache-status")
            case (UInt8(ascii: "p"), UInt8(ascii: "s")): return (.proxyStatus, "proxy-status")
            case (UInt8(ascii: "c"), UInt8(ascii: "g")): return (.cacheGroups, "cache-groups")
            case (UInt8(ascii: "x"), UInt8(ascii: "-")): return (.xAuthToken, "x-auth-token")
            default: return nil
            }
        case 13:
            switch name[6].lowercased {
            case UInt8(ascii: "c"): return (.cacheControl, "cache-control")
            case UInt8(ascii: "o"): return (.lastModified, "last-modified")
            case UInt8(ascii: "i"): return (.authorization, "authorization")
            case UInt8(ascii: "e"): return (.ifNoneMatch, "if-none-match")
            case UInt8(ascii: "-"): return (.acceptRanges, "accept-ranges")
            case UInt8(ascii: "t"): return (.contentRange, "content-range")
            case UInt8(ascii: "a"): return (.surrogateKey, "surrogate-key")
            default: return nil
            }
        case 14:
            switch name[0].lowercased {
            case UInt8(ascii: "c"): return (.contentLength, "content-length")
            case UInt8(ascii: "n"): return (.noVarySearch, "no-vary-search")
            default: return nil
            }
        case 15:
            switch name[7].lowercased {
            case UInt8(ascii: "r"): return (.xForwardedFor, "x-forwarded-for")
            case UInt8(ascii: "e"): return (.acceptEncoding, "accept-encoding")
            case UInt8(ascii: "l"): return (.acceptLanguage, "accept-language")
            default: return nil
            }
        case 16:
            switch name[11].lowercased {
            case UInt8(ascii: "c"): return (.proxyConnection, "proxy-connection")
            case UInt8(ascii: "-"):
                return name[0].lowercased == UInt8(ascii: "x")
                    ? (.xForwardedHost, "x-forwarded-host") : (.cachePurgeTags, "cache-purge-tags")
            case UInt8(ascii: "i"): return (.wwwAuthenticate, "www-authenticate")
            case UInt8(ascii: "o"): return (.contentEncoding, "content-encoding")
            case UInt8(ascii: "g"): return (.contentLanguage, "content-language")
            case UInt8(ascii: "a"): return (.contentLocation, "content-location")
            default: return nil
            }
        case 17:
            switch name[0].lowercased {
            case UInt8(ascii: "t"): return (.transferEncoding, "transfer-encoding")
            case UInt8(ascii: "x"): return (.xForwardedProto, "x-forwarded-proto")
            case UInt8(ascii: "c"): return (.cdnCacheControl, "cdn-cache-control")
            case UInt8(ascii: "s"): return (.surrogateControl, "surrogate-control")
            case UInt8(ascii: "i"): return (.ifModifiedSince, "if-modified-since")
            default: return nil
            }
        case 18: return (.proxyAuthenticate, "proxy-authenticate")
        case 19:
            switch name[0].lowercased {
            case UInt8(ascii: "p"): return (.proxyAuthorization, "proxy-authorization")
            case UInt8(ascii: "i"): return (.ifUnmodifiedSince, "if-unmodified-since")
            case UInt8(ascii: "c"): return (.contentDisposition, "content-disposition")
            default: return nil
            }
        case 20: return (.larderCacheControl, "larder-cache-control")
        case 24: return (.cacheGroupInvalidation, "cache-group-invalidation")
        case 25: return (.proxyAuthenticationInfo, "proxy-authentication-info")
        default: return nil
        }
    }
}
