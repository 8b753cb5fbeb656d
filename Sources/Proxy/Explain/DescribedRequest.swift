// A request that nobody sent, to be explained.

import Routing

/// A request that is described to be explained.
package struct DescribedRequest: Sendable {
    /// A complete head, as a client would send it.
    let bytes: [UInt8]
    let scheme: URIScheme
    let content: [UInt8]

    /// - Parameters:
    ///   - bytes: a head that has been parsed already, with the framing of exactly `content`.
    ///   - content: all of it, without chunks; empty where there is none.
    package init(bytes: [UInt8], scheme: URIScheme, content: [UInt8]) {
        self.bytes = bytes
        self.scheme = scheme
        self.content = content
    }
}
