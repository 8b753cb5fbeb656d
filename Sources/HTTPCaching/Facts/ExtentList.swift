// Which bytes of a representation are stored, as ranges of offsets: sorted, disjoint, none touching the next, and
// bounded in number. It doesn't know where the bytes are.

package struct ExtentList: Equatable, Sendable {
    /// The maximum number of extents.
    package static let greatestCount = 32

    package private(set) var extents: [Range<Int64>] = []

    package init() {}

    /// A list from another source; nil unless it satisfies the invariants of this type.
    package init?(sorted extents: [Range<Int64>]) {
        guard extents.count <= Self.greatestCount else { return nil }
        var end: Int64 = -1
        for extent in extents {
            guard !extent.isEmpty, extent.lowerBound > end else { return nil }
            end = extent.upperBound
        }
        self.extents = extents
    }

    package var isEmpty: Bool { extents.isEmpty }

    /// The number of bytes in all extents.
    package var byteCount: Int64 {
        var sum: Int64 = 0
        for extent in extents { sum += extent.upperBound - extent.lowerBound }
        return sum
    }

    /// Adds a range of offsets from 0 on. If that exceeds the maximum, the smallest of the other extents is removed.
    package mutating func insert(_ range: Range<Int64>) {
        precondition(range.lowerBound >= 0, "offsets are never negative")
        if range.isEmpty { return }
        var joined = range
        var first = 0
        while first < extents.count, extents[first].upperBound < range.lowerBound { first += 1 }
        var end = first
        while end < extents.count, extents[end].lowerBound <= range.upperBound {
            joined = min(joined.lowerBound, extents[end].lowerBound)..<max(joined.upperBound, extents[end].upperBound)
            end += 1
        }
        extents.replaceSubrange(first..<end, with: CollectionOfOne(joined))
        if extents.count > Self.greatestCount { removeSmallest(except: first) }
    }

    /// Whether every byte of `range` is stored.
    package func contains(_ range: Range<Int64>) -> Bool {
        if range.isEmpty { return true }
        for extent in extents where extent.lowerBound <= range.lowerBound {
            if range.upperBound <= extent.upperBound { return true }
        }
        return false
    }

    /// The parts of `range` that are missing, in order.
    package func gaps(in range: Range<Int64>) -> [Range<Int64>] {
        var gaps: [Range<Int64>] = []
        var position = range.lowerBound
        for extent in extents {
            if extent.lowerBound >= range.upperBound { break }
            if extent.lowerBound > position { gaps.append(position..<extent.lowerBound) }
            position = max(position, extent.upperBound)
        }
        if position < range.upperBound { gaps.append(position..<range.upperBound) }
        return gaps
    }

    /// The span from the first missing byte of `range` to the last; nil if none is missing.
    package func missing(in range: Range<Int64>) -> Range<Int64>? {
        var lower = range.lowerBound
        for extent in extents where extent.contains(lower) { lower = extent.upperBound }
        var upper = range.upperBound
        for extent in extents.reversed() where extent.lowerBound < upper && upper <= extent.upperBound {
            upper = extent.lowerBound
        }
        return lower < upper ? lower..<upper : nil
    }

    private mutating func removeSmallest(except kept: Int) {
        var smallest: Int?
        for index in extents.indices where index != kept {
            if let other = smallest, extents[other].count <= extents[index].count { continue }
            smallest = index
        }
        if let smallest { extents.remove(at: smallest) }
    }
}
