// `cache.query_allow` and `cache.query_deny`: which query parameters are part of the key.

import Bytes
import HTTPWire

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
            if Glob.covers(text.span.extracting(start..<end), bytes, range, .form) { return true }
            start = end
        }
        return false
    }
}
