// The digest by which a purge names a URL, whatever the keys of its responses are made of: the MD5 of scheme, authority and path
// in the normal form of keys, without the query, so that any program can compute it.

import Bytes
import HTTPSemantics

package enum URLDigest {
    private static let separator = Array("://".utf8)
    private static let write = Array("POST ".utf8)

    /// Allocates nothing.
    /// - Parameters:
    ///   - scheme: in lower case.
    ///   - authority: in any case.
    ///   - path: in its normal form.
    ///   - isOfWrite: names what a POST that isn't a read brought: a write to a URL invalidates what is read there, but not its
    ///     own response.
    package static func of(
        scheme: Span<UInt8>, authority: Span<UInt8>, path: Span<UInt8>, isOfWrite: Bool = false
    ) -> MD5Digest {
        var hasher = MD5Hasher()
        let (separator, write) = (separator, write)
        if isOfWrite { hasher.update(write.span) }
        hasher.update(scheme)
        hasher.update(separator.span)
        var chunk = InlineArray<64, UInt8>(repeating: 0)
        var count = 0
        let isHTTPS = scheme.isCaseless("https")
        for index in NormalAuthority.range(authority.indices, in: authority, isHTTPS: isHTTPS) {
            chunk[count] = authority[index].lowercased
            count += 1
            if count == 64 {
                hasher.update(chunk.span)
                count = 0
            }
        }
        hasher.update(chunk.span.extracting(..<count))
        if path.isEmpty { hasher.update(separator.span.extracting(1..<2)) } else { hasher.update(path) }
        return hasher.finish()
    }
}
