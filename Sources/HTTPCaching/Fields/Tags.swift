// Iterates over the tags of a response, by which it can be purged: `Cache-Tag` (commas), `Surrogate-Key` (spaces) and
// `xkey` (both are in use). None of the three is standardised. Tags are case-sensitive, since they are names chosen by
// the application.

import Bytes

package struct TagWalker: Sendable {
    package enum Separator: Sendable {
        /// `Cache-Tag`: a tag may contain spaces.
        case commas
        /// `Surrogate-Key`: a tag may contain commas.
        case spaces
        /// `xkey`.
        case commasAndSpaces
    }

    private let separator: Separator
    private var position = 0

    package init(_ separator: Separator) { self.separator = separator }

    /// The next tag of one field line, never empty, without white space at its ends.
    package mutating func next(in value: Span<UInt8>) -> Range<Int>? {
        while position < value.count {
            let start = position
            while position < value.count, !isSeparator(value[position]) { position += 1 }
            let tag = value.trimming(start..<position)
            position += 1
            if !tag.isEmpty { return tag }
        }
        return nil
    }

    private func isSeparator(_ byte: UInt8) -> Bool {
        switch separator {
        case .commas: byte == 0x2C
        case .spaces: byte.isWhitespace
        case .commasAndSpaces: byte == 0x2C || byte.isWhitespace
        }
    }
}
