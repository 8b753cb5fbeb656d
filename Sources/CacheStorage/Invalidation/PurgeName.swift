// What a purge names, as the log remembers it: 16 bytes. See `InvalidationName`, whose digests these are.

import Bytes
import HTTPCaching
import HTTPSemantics

typealias PurgeName = InvalidationName.Digest

extension PurgeName {
    static func tag(_ name: Span<UInt8>) -> PurgeName { InvalidationName.tag(name).digest }

    static func key(_ key: CacheKey) -> PurgeName { PurgeName(high: key.high, low: key.low) }

    /// Not the name of the key with this digest.
    static func url(_ digest: CacheKey) -> PurgeName { PurgeName(high: ~digest.high, low: digest.low) }

    /// An authority in any case; without the default port of either scheme.
    static func host(_ authority: Span<UInt8>) -> PurgeName {
        var hash = NameHash(kind: UInt8(ascii: "h"))
        let plain = NormalAuthority.range(authority.indices, in: authority, isHTTPS: false)
        for index in NormalAuthority.range(plain, in: authority, isHTTPS: true) {
            hash.add(authority[index].lowercased)
        }
        return hash.digest
    }
}

extension PurgeName {
    /// Calls `body` with the names of the groups and tags in a stored head. Allocates nothing.
    /// - Parameter origin: what the groups belong to.
    static func forEach(inHead head: Span<UInt8>, of origin: GroupOrigin, _ body: (PurgeName) -> Void) {
        StoredHead.forEachLine(of: head) { name, line in
            let field = FieldName.recognise(name)
            let value = StoredHead.value(of: line)
            if field == .cacheGroups {
                guard var groups = CacheGroups(field: value) else { return }
                while let range = groups.next(in: value) {
                    body(InvalidationName.group(value.extracting(range), of: origin).digest)
                }
            } else if let separator = TagWalker.Separator(field) {
                var tags = TagWalker(separator)
                while let range = tags.next(in: value) { body(.tag(value.extracting(range))) }
            }
        }
    }
}
