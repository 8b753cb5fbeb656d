// What a route makes of a request's own values: the tags of what is stored for it, the targets that it invalidates, and the
// number by which its server is chosen.

import Bytes
import CacheStorage
import HTTPSemantics
import HTTPWire
import Routing

extension AdmittedRequest {
    /// All tags of one response together have at most so many bytes; beyond it the response isn't stored, since a purge
    /// might not reach it.
    static let longestTags = 4096

    /// A `Cache-Tag` line with the tags that the route adds; empty if it adds none, nil if they are too long.
    /// - Parameter assembly: a buffer that is empty between two uses.
    func tagLine(in assembly: inout ByteBuffer) -> [UInt8]? {
        guard let entry, let match, !entry.tags.isEmpty else { return [] }
        let bytes = bytes
        assembly.removeAll()
        defer { assembly.removeAll() }
        assembly.append("Cache-Tag: ")
        for (index, tag) in entry.tags.enumerated() {
            if index > 0 { assembly.append(", ") }
            tag.appendTag(bytes, match, to: &assembly)
            guard assembly.count <= Self.longestTags else { return nil }
        }
        assembly.append("\r\n")
        return assembly.span.copied()
    }

    /// The targets that the route invalidates when this request succeeds; a last `*` stands for any rest.
    var declaredTargets: [(target: [UInt8], isPrefix: Bool)] {
        guard let entry, let match, !entry.invalidates.isEmpty else { return [] }
        let bytes = bytes
        return entry.invalidates.map { ($0.target.target(bytes, match), $0.isPrefix) }
    }

    /// What `balance: hash` goes by; nil where servers aren't chosen so, or where the request has no such value.
    var balanceKey: UInt64? { entry?.balance?.number(of: head, bytes, scheme: scheme) }

    /// Whether the URL is at a place that was invalidated since the record was asked for. Allocates nothing, unless the path
    /// or the query isn't in its normal form.
    func isAtInvalidatedPlace(_ record: StoredResponse, scheme: Span<UInt8>, in cache: Cache) -> Bool {
        let bytes = bytes
        let authority = bytes.extracting(head.authority)
        // With its `?`.
        let query = head.hasQuery ? ByteRange(head.query.lower - 1, head.query.upper) : .empty
        let normalPath = NormalTarget.form(of: bytes, in: head.path)
        let normalQuery = NormalTarget.form(of: bytes, in: query)
        if normalPath == nil && normalQuery == nil {
            return !cache.isCurrent(
                record, scheme: scheme, authority: authority, path: bytes.extracting(head.path),
                query: bytes.extracting(query))
        }
        let path = normalPath ?? bytes.extracting(head.path).copied()
        let rest = normalQuery ?? bytes.extracting(query).copied()
        return !cache.isCurrent(record, scheme: scheme, authority: authority, path: path.span, query: rest.span)
    }
}
