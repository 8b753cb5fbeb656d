// The query of a target in its key form: normalised, filtered, sorted by name.
//
// Sorting is stable, so that pairs of one name keep their order, which may mean something to the origin. `a` and `a=`
// stay different, empty pairs (`a=1&&b=2`) are removed, and a query of which nothing is left counts as missing. With
// `cache.query: exact` the query is used byte for byte, except that pairs can still be excluded by name.

import Bytes
import Configuration
import HTTPWire

/// Composes one query at a time in reusable buffers.
struct QueryText: ~Copyable {
    private struct Pair {
        /// The first eight bytes of the name, the first of them in the most significant byte, zeros behind a shorter one. Names
        /// contain no zeros, so most pairs are compared by this alone.
        var prefix: UInt64
        var start: Int32
        var nameEnd: Int32
        var end: Int32

        var nameCount: Int32 { nameEnd - start }
    }

    /// The query composed last, without its `?`.
    private(set) var text = ByteBuffer()
    /// Whether there is a query to write after a `?`.
    private(set) var isPresent = false
    private var unsorted = ByteBuffer()
    private var pairs: [Pair] = []
    private var merged: [Pair] = []

    mutating func compose(_ bytes: Span<UInt8>, _ query: ByteRange, by rule: QueryRule) {
        text.removeAll()
        switch rule.mode {
        case .ignore: break
        case .exact where rule.takesAll:
            text.append(bytes.extracting(query))
            isPresent = true
            return
        case .exact: appendPairs(bytes, query, rule)
        case .sorted:
            appendPairs(bytes, query, rule)
            if !isSorted() { sort() }
        }
        isPresent = !text.isEmpty
    }

    private mutating func appendPairs(_ bytes: Span<UInt8>, _ query: ByteRange, _ rule: QueryRule) {
        pairs.removeAll(keepingCapacity: true)
        var start = query.lower
        while start < query.upper {
            var end = start
            var nameEnd = -1
            while end < query.upper, bytes[end] != UInt8(ascii: "&") {
                if nameEnd < 0, bytes[end] == UInt8(ascii: "=") { nameEnd = end }
                end += 1
            }
            let name = ByteRange(start, nameEnd < 0 ? end : nameEnd)
            if end > start, rule.takes(bytes, name) {
                append(bytes, name, ByteRange(name.upper, end), isExact: rule.mode == .exact)
            }
            start = end + 1
        }
    }

    /// Appends a pair; `value` starts with its `=` unless it is empty.
    private mutating func append(_ bytes: Span<UInt8>, _ name: ByteRange, _ value: ByteRange, isExact: Bool) {
        if !text.isEmpty { text.append(UInt8(ascii: "&")) }
        let start = text.count
        if isExact {
            text.append(bytes.extracting(name))
            text.append(bytes.extracting(value))
            return
        }
        text.appendNormalized(bytes, name)
        let nameEnd = text.count
        text.appendNormalized(bytes, value)
        pairs.append(
            Pair(
                prefix: prefix(ofNameAt: start, nameEnd), start: Int32(start), nameEnd: Int32(nameEnd),
                end: Int32(text.count)))
    }

    private func prefix(ofNameAt start: Int, _ end: Int) -> UInt64 {
        let bytes = text.span
        var prefix: UInt64 = 0
        for index in start..<min(end, start + 8) { prefix = prefix << 8 | UInt64(bytes[index]) }
        return prefix << UInt64(8 * (8 - min(8, end - start)))
    }

    private func isSorted() -> Bool {
        var index = 1
        while index < pairs.count {
            if Self.isBefore(pairs[index], pairs[index - 1], in: text) { return false }
            index += 1
        }
        return true
    }

    /// Whether the name of `left` comes before that of `right`, byte by byte.
    @inline(__always)
    private static func isBefore(_ left: Pair, _ right: Pair, in text: borrowing ByteBuffer) -> Bool {
        if left.prefix != right.prefix { return left.prefix < right.prefix }
        return max(left.nameCount, right.nameCount) > 8 && isBeforeByRest(left, right, in: text)
    }

    private static func isBeforeByRest(_ left: Pair, _ right: Pair, in text: borrowing ByteBuffer) -> Bool {
        let bytes = text.span
        var index = Int(left.start)
        var other = Int(right.start)
        while index < left.nameEnd, other < right.nameEnd {
            if bytes[index] != bytes[other] { return bytes[index] < bytes[other] }
            index += 1
            other += 1
        }
        return left.nameCount < right.nameCount
    }

    private mutating func sort() {
        merged.removeAll(keepingCapacity: true)
        merged.append(contentsOf: pairs)
        // Bottom-up merge sort: stable, and O(n log n) for every query.
        var width = 1
        while width < pairs.count {
            Self.merge(runsOf: width, pairs, into: &merged, text)
            swap(&pairs, &merged)
            width *= 2
        }
        swap(&text, &unsorted)
        Self.copy(pairs, from: unsorted, to: &text)
    }

    private static func copy(_ pairs: [Pair], from source: borrowing ByteBuffer, to text: inout ByteBuffer) {
        text.removeAll()
        let bytes = source.span
        for pair in pairs {
            if !text.isEmpty { text.append(UInt8(ascii: "&")) }
            text.append(bytes.extracting(Int(pair.start)..<Int(pair.end)))
        }
    }

    /// Merges each two neighbouring sorted runs of `width` pairs.
    private static func merge(
        runsOf width: Int, _ pairs: [Pair], into merged: inout [Pair], _ text: borrowing ByteBuffer
    ) {
        let source = pairs.span
        var target = merged.mutableSpan
        var start = 0
        while start < source.count {
            let middle = min(start + width, source.count)
            merge(source, start, middle, min(start + 2 * width, source.count), into: &target, text)
            start += 2 * width
        }
    }

    /// Merges the sorted pairs from `start` and from `middle` on.
    private static func merge(
        _ pairs: Span<Pair>, _ start: Int, _ middle: Int, _ end: Int, into merged: inout MutableSpan<Pair>,
        _ text: borrowing ByteBuffer
    ) {
        var left = start
        var right = middle
        for place in start..<end {
            if left < middle, right >= end || !isBefore(pairs[right], pairs[left], in: text) {
                merged[place] = pairs[left]
                left += 1
            } else {
                merged[place] = pairs[right]
                right += 1
            }
        }
    }
}

extension QueryRule {
    /// Whether pairs of that name are included.
    func takes(_ bytes: Span<UInt8>, _ name: ByteRange) -> Bool {
        if let allow, !allow.contains(bytes, name) { return false }
        if let deny, deny.contains(bytes, name) { return false }
        return true
    }
}
