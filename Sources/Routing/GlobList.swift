// `cache.query_allow` and `cache.query_deny`: which query parameters are part of the key.

import Bytes
import HTTPWire

/// Globs in which `*` matches any number of characters; everything else is literal.
struct GlobList: Sendable {
    /// All globs, concatenated, and the end of each.
    private let text: [UInt8]
    private let ends: [Int]

    init(_ globs: [String]) {
        text = globs.flatMap { Array($0.utf8) }
        var end = 0
        ends = globs.map {
            end += $0.utf8.count
            return end
        }
    }

    /// Whether any glob matches the form-decoded name at `range`.
    func contains(_ bytes: Span<UInt8>, _ range: ByteRange) -> Bool {
        var start = 0
        for end in ends {
            if covers(start, end, bytes, range) { return true }
            start = end
        }
        return false
    }

    /// Backtracks to the last `*` only, so the work is at most the product of the two lengths.
    private func covers(_ start: Int, _ end: Int, _ bytes: Span<UInt8>, _ range: ByteRange) -> Bool {
        var place = start
        var index = range.lower
        var retry: (place: Int, index: Int)?
        while index < range.upper {
            if place < end, text[place] == UInt8(ascii: "*") {
                place += 1
                retry = (place, index)
                continue
            }
            var next = index
            let byte = PercentEncoding.formDecodedByte(bytes, at: &next, end: range.upper)
            if place < end, text[place] == byte {
                place += 1
                index = next
            } else if let last = retry {
                var skipped = last.index
                _ = PercentEncoding.formDecodedByte(bytes, at: &skipped, end: range.upper)
                retry = (last.place, skipped)
                place = last.place
                index = skipped
            } else {
                return false
            }
        }
        while place < end, text[place] == UInt8(ascii: "*") { place += 1 }
        return place == end
    }
}
