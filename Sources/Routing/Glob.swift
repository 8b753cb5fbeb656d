// Patterns in which `*` matches any number of characters; everything else is literal.

import Bytes
import HTTPWire

enum Glob {
    /// How the text is read that is compared with a pattern.
    enum Reading {
        /// Byte for byte.
        case exact
        /// Names and values of a query: decoded.
        case form
        /// Names of fields, without regard to case; `_` is taken for `-`, as many servers do. The pattern is in lower case.
        case fieldName
    }

    /// Whether the pattern covers all of `bytes` in `range`. Backtracks to the last `*` only, so the work is at most the product
    /// of the two lengths. Allocates nothing.
    static func covers(
        _ pattern: Span<UInt8>, _ bytes: Span<UInt8>, _ range: ByteRange, _ reading: Reading
    ) -> Bool {
        var place = 0
        let end = pattern.count
        var index = range.lower
        var retry: (place: Int, index: Int)?
        while index < range.upper {
            if place < end, pattern[place] == UInt8(ascii: "*") {
                place += 1
                retry = (place, index)
                continue
            }
            var next = index
            let byte = read(bytes, at: &next, end: range.upper, reading)
            if place < end, isSame(pattern[place], byte, reading) {
                place += 1
                index = next
            } else if let last = retry {
                var skipped = last.index
                _ = read(bytes, at: &skipped, end: range.upper, reading)
                retry = (last.place, skipped)
                place = last.place
                index = skipped
            } else {
                return false
            }
        }
        while place < end, pattern[place] == UInt8(ascii: "*") { place += 1 }
        return place == end
    }

    @inline(__always)
    private static func read(_ bytes: Span<UInt8>, at index: inout Int, end: Int, _ reading: Reading) -> UInt8 {
        if case .form = reading { return PercentEncoding.formDecodedByte(bytes, at: &index, end: end) }
        index += 1
        let byte = bytes[index - 1]
        if case .fieldName = reading { return byte.lowercased }
        return byte
    }

    @inline(__always)
    private static func isSame(_ expected: UInt8, _ byte: UInt8, _ reading: Reading) -> Bool {
        if expected == byte { return true }
        guard case .fieldName = reading else { return false }
        return expected == UInt8(ascii: "-") && byte == UInt8(ascii: "_")
    }
}
