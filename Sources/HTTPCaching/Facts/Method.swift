// The request methods that caching tells apart (RFC 9110 §9, RFC 10008 for QUERY). An unknown method counts as unsafe
// (RFC 9111 §4.4).

import Bytes

package enum CachingMethod: UInt8, Sendable, CaseIterable {
    case get, head, post, query, put, delete, patch, options, trace, connect, other

    /// - Parameter token: the method as received; methods are case-sensitive.
    package init(_ token: Span<UInt8>) {
        for method in Self.allCases where method.matches(token) {
            self = method
            return
        }
        self = .other
    }

    /// Whether a request with it asks for no change of state (RFC 9110 §9.2.1).
    package var isSafe: Bool {
        switch self {
        case .get, .head, .query, .options, .trace: true
        case .post, .put, .delete, .patch, .connect, .other: false
        }
    }

    private func matches(_ token: Span<UInt8>) -> Bool {
        let name: StaticString =
            switch self {
            case .get: "GET"
            case .head: "HEAD"
            case .post: "POST"
            case .query: "QUERY"
            case .put: "PUT"
            case .delete: "DELETE"
            case .patch: "PATCH"
            case .options: "OPTIONS"
            case .trace: "TRACE"
            case .connect: "CONNECT"
            case .other: ""
            }
        guard token.count == name.utf8CodeUnitCount, token.count > 0 else { return false }
        for index in token.indices where token[index] != name[octet: index] { return false }
        return true
    }
}

/// The methods whose responses a route caches.
package struct CachedMethods: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let get = CachedMethods(rawValue: 1)
    package static let head = CachedMethods(rawValue: 2)
    /// Keyed by its content too, so that only the same question gets the same answer. RFC 9110 §9.3.3 knows no such key
    /// and lets a response to POST answer later GETs alone; a route that lists POST says that it is a way to read.
    package static let post = CachedMethods(rawValue: 4)
    /// Keyed by its content too (RFC 10008).
    package static let query = CachedMethods(rawValue: 8)

    package func allows(_ method: CachingMethod) -> Bool {
        switch method {
        case .get: contains(.get)
        case .head: contains(.head)
        case .post: contains(.post)
        case .query: contains(.query)
        case .put, .delete, .patch, .options, .trace, .connect, .other: false
        }
    }
}
