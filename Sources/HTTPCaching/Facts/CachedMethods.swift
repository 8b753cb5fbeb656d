// Which methods a route reads by: responses to any other are neither stored nor served from the store.

import HTTPSemantics

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

    package func allows(_ method: Method) -> Bool {
        switch method {
        case .get: contains(.get)
        case .head: contains(.head)
        case .post: contains(.post)
        case .query: contains(.query)
        case .put, .delete, .patch, .options, .trace, .connect, .other: false
        }
    }
}
