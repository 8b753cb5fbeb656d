// Request methods (RFC 9110 §9, RFC 5789, RFC 10008). Their names are case-sensitive: `get` is an unknown method, not
// GET.

import Bytes

@usableFromInline
package enum Method: UInt8, Sendable, CaseIterable {
    case get
    case head
    case post
    case put
    case delete
    case connect
    case options
    case trace
    case patch
    case query
    /// Any other token: forwarded, never cached.
    case other

    /// RFC 9110 §9.2.1.
    @inlinable
    package var isSafe: Bool {
        switch self {
        case .get, .head, .options, .trace, .query: true
        case .post, .put, .delete, .connect, .patch, .other: false
        }
    }

    /// RFC 9110 §9.2.2.
    @inlinable
    package var isIdempotent: Bool {
        switch self {
        case .get, .head, .options, .trace, .query, .put, .delete: true
        case .post, .connect, .patch, .other: false
        }
    }

    /// Whether content of such a request has a meaning that every server knows (RFC 9110 §9.3, RFC 5789). A server may leave
    /// other content unread, and take it for the next request.
    package var definesContent: Bool {
        switch self {
        case .post, .put, .patch, .query: true
        case .get, .head, .delete, .connect, .options, .trace, .other: false
        }
    }

    /// The token as sent; empty for `other`, whose token is in the message.
    package var text: StaticString {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .connect: "CONNECT"
        case .options: "OPTIONS"
        case .trace: "TRACE"
        case .patch: "PATCH"
        case .query: "QUERY"
        case .other: ""
        }
    }

    /// The method that `token` names; it must be a valid token already.
    package static func recognise(_ token: Span<UInt8>) -> Method {
        switch token.count {
        case 3:
            if matches(token, "GET") { return .get }
            return matches(token, "PUT") ? .put : .other
        case 4:
            if matches(token, "POST") { return .post }
            return matches(token, "HEAD") ? .head : .other
        case 5:
            if matches(token, "PATCH") { return .patch }
            if matches(token, "QUERY") { return .query }
            return matches(token, "TRACE") ? .trace : .other
        case 6: return matches(token, "DELETE") ? .delete : .other
        case 7:
            if matches(token, "OPTIONS") { return .options }
            return matches(token, "CONNECT") ? .connect : .other
        default: return .other
        }
    }

    @inline(__always)
    private static func matches(_ token: Span<UInt8>, _ text: StaticString) -> Bool { Scan.equals(token, text) }
}
