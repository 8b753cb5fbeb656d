// A place in the order of all purges. Records and purges are compared by it, never by clocks.

import Bytes

/// The position of a purge, as Redis numbers the entries of a stream: milliseconds and a sequence number within them, in one
/// word. Redis makes it grow with each purge, whatever its clock does.
///
/// A record carries the position up to which its instance had applied all purges when the record's fetch began; a purge
/// applies to the record if its own position is later.
package struct PurgePosition: Sendable, BitwiseCopyable, Hashable, Comparable {
    /// Milliseconds << 20 | sequence number.
    package let word: UInt64

    /// Before every purge.
    package static let start = PurgePosition(word: 0)

    private static let sequenceBits: UInt64 = 20

    package init(word: UInt64) { self.word = word }

    /// Nil where the milliseconds take more than 44 bits, which no clock reaches. A sequence number of more than 20 bits is
    /// carried over to the milliseconds, so that the order is kept.
    package init?(milliseconds: UInt64, sequence: UInt64) {
        guard milliseconds >> (64 - Self.sequenceBits) == 0 else { return nil }
        let sum = (milliseconds << Self.sequenceBits).addingReportingOverflow(sequence)
        guard !sum.overflow else { return nil }
        word = sum.partialValue
    }

    /// The position that a stream's identifier says, such as `1732612345678-0`; nil for any other text.
    package init?(streamIdentifier text: Span<UInt8>) {
        guard let dash = text.firstIndex(of: UInt8(ascii: "-"), in: text.indices),
            let milliseconds = Decimal.value(text.extracting(..<dash)),
            let sequence = Decimal.value(text.extracting((dash + 1)...))
        else { return nil }
        self.init(milliseconds: milliseconds, sequence: sequence)
    }

    package var milliseconds: UInt64 { word >> Self.sequenceBits }
    package var sequence: UInt64 { word & (1 << Self.sequenceBits - 1) }

    package static func < (left: PurgePosition, right: PurgePosition) -> Bool { left.word < right.word }
}

extension PurgePosition: CustomStringConvertible {
    /// As a stream's identifier.
    package var description: String { "\(milliseconds)-\(sequence)" }
}
