// Entity-tags and lists of them (RFC 9110 §8.8.3), as ranges of the bytes they were read from.

import Bytes

package struct EntityTag: Equatable, Sendable {
    package var isWeak: Bool
    /// The characters between the quotes.
    package var opaque: Range<Int>

    /// Reads a whole `ETag` field value; nil if it isn't exactly one entity-tag.
    package init?(field: Span<UInt8>) {
        let trimmed = field.trimming(field.indices)
        var position = trimmed.lowerBound
        guard let tag = EntityTag.read(field, at: &position), position == trimmed.upperBound else { return nil }
        self = tag
    }

    private init(isWeak: Bool, opaque: Range<Int>) {
        self.isWeak = isWeak
        self.opaque = opaque
    }

    /// Both strong and the same (RFC 9110 §8.8.3.2).
    package func isStronglyEqual(to other: EntityTag, _ bytes: Span<UInt8>, _ otherBytes: Span<UInt8>) -> Bool {
        !isWeak && !other.isWeak && isWeaklyEqual(to: other, bytes, otherBytes)
    }

    package func isWeaklyEqual(to other: EntityTag, _ bytes: Span<UInt8>, _ otherBytes: Span<UInt8>) -> Bool {
        bytes.extracting(opaque).isSame(as: otherBytes.extracting(other.opaque))
    }

    fileprivate static func read(_ bytes: Span<UInt8>, at position: inout Int) -> EntityTag? {
        var start = position
        let isWeak = start + 1 < bytes.count && bytes[start] == 0x57 && bytes[start + 1] == 0x2F
        if isWeak { start += 2 }
        guard start < bytes.count, bytes[start] == 0x22 else { return nil }
        var end = start + 1
        while end < bytes.count, bytes[end] != 0x22 {
            guard bytes[end] > 0x20, bytes[end] != 0x7F else { return nil }
            end += 1
        }
        guard end < bytes.count else { return nil }
        position = end + 1
        return EntityTag(isWeak: isWeak, opaque: (start + 1)..<end)
    }
}

/// Iterates over the entity-tags of an `If-None-Match` value. Anything else is skipped up to the next comma.
package struct EntityTagWalker: Sendable {
    private var position = 0

    package init() {}

    package mutating func next(in bytes: Span<UInt8>) -> EntityTag? {
        while position < bytes.count {
            if bytes[position] == 0x2C || bytes[position].isWhitespace {
                position += 1
                continue
            }
            if let tag = EntityTag.read(bytes, at: &position) { return tag }
            while position < bytes.count, bytes[position] != 0x2C { position += 1 }
        }
        return nil
    }
}
