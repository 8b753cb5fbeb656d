// Iterates over the members of a `Vary` field value (RFC 9110 §12.5.5). `*` applies wherever it occurs, on any line.

import Bytes

package struct VaryNames: Sendable {
    package enum Member: Equatable, Sendable {
        /// No request ever matches: the response depends on more than fields.
        case star
        case name(Range<Int>)
    }

    private var position = 0

    package init() {}

    package mutating func next(in bytes: Span<UInt8>) -> Member? {
        while position < bytes.count {
            let start = position
            while position < bytes.count, bytes[position] != 0x2C { position += 1 }
            let member = bytes.trimming(start..<position)
            position += 1
            if member.isEmpty { continue }
            return member.count == 1 && bytes[member.lowerBound] == 0x2A ? .star : .name(member)
        }
        return nil
    }
}
