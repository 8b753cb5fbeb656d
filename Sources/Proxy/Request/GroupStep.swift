// Groups and tags of stored responses (RFC 9875, and the fields that purging goes by): what an answer invalidates, and
// whether something stored was invalidated with its group.

import Bytes
import CacheStorage
import HTTPCaching
import HTTPSemantics
import HTTPWire
import Routing

extension Transaction {
    /// RFC 9875 §3: an answer to an unsafe request may name groups of its own origin that it changes.
    func invalidateGroups(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        guard response.contains(.cacheGroupInvalidation) else { return }
        let scheme = self.scheme.name
        let origin = GroupOrigin(scheme: scheme.span, authority: self.bytes.extracting(head.authority))
        var names: [InvalidationName] = []
        for field in response.fields where field.known == .cacheGroupInvalidation {
            let value = bytes.extracting(field.value)
            guard var groups = CacheGroups(field: value) else { return }
            while let range = groups.next(in: value) { names.append(.group(value.extracting(range), of: origin)) }
        }
        worker.cache.invalidate(groups: names, at: worker.wallTime)
    }

    /// Whether a group or tag of a stored response was invalidated after it was asked for. Allocates nothing.
    func isInvalidatedWithGroup(_ stored: StoredResponse) -> Bool {
        let scheme = self.scheme.name
        return !worker.cache.isCurrent(stored, scheme: scheme.span, authority: bytes.extracting(head.authority))
    }

    /// Whether the route keeps a field of the origin's from its clients (`cache.tags: remove`).
    func isRemovedForClients(_ field: FieldName) -> Bool {
        entry?.removesTags == true && TagWalker.Separator(field) != nil
    }
}

extension URIScheme {
    private static let http = Array("http".utf8)
    private static let https = Array("https".utf8)

    var name: [UInt8] { self == .https ? Self.https : Self.http }
}
