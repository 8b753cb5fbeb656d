// Iterates over a comma-separated list (RFC 9110 §5.6.1): elements without their surrounding white space; empty ones
// are skipped, as recipients must. A comma inside a quoted string is not a separator.

import Bytes

/// The elements of one field line's list, in order.
@usableFromInline
package struct ListElements {
    private var position: Int
    private let end: Int

    package init(_ value: ByteRange) {
        position = value.lower
        end = value.upper
    }

    /// The next element that isn't empty, or nil at the end of the list.
    package mutating func next(in bytes: Span<UInt8>) -> ByteRange? {
        while position < end {
            let start = position
            var isQuoted = false
            while position < end {
                let byte = bytes[position]
                if isQuoted {
                    if byte == UInt8(ascii: "\\") {
                        position &+= 1
                    } else if byte == UInt8(ascii: "\"") {
                        isQuoted = false
                    }
                } else if byte == UInt8(ascii: "\"") {
                    isQuoted = true
                } else if byte == UInt8(ascii: ",") {
                    break
                }
                position &+= 1
            }
            let element = ListElements.trimmed(bytes, start, min(position, end))
            position &+= 1
            if !element.isEmpty { return element }
        }
        return nil
    }

    /// `start..<end` without optional white space at either side.
    @inlinable @inline(__always)
    package static func trimmed(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> ByteRange {
        var start = start
        var end = end
        while start < end, bytes[start].isWhitespace { start &+= 1 }
        while end > start, bytes[end &- 1].isWhitespace { end &-= 1 }
        return ByteRange(start, end)
    }
}
