// Which methods a route caches: responses to any other are neither stored nor served from the store.

import HTTPSemantics

/// The methods whose responses a route caches.
package struct CachedMethods: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let get = CachedMethods(rawValue: 1)
    package static let head = CachedMethods(rawValue: 2)
    /// Its content is part of the key, so that only identical requests share a response. RFC 9110 §9.3.3 has no such
    /// key and lets a response to POST be used for later GETs only. It needs a lifetime of the origin's own, unless the
    /// route says that its POSTs are reads: `RoutePolicy.postReads`.
    package static let post = CachedMethods(rawValue: 4)
    /// Its content is part of the key (RFC 10008).
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
