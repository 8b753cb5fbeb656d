// Which bytes of a representation are there, as ranges of offsets: sorted, disjoint, none touching the next, and bounded in
// number. It knows nothing of where the bytes lie.

package struct ExtentList: Equatable, Sendable {
    /// More stretches than this are not kept apart.
    package static let greatestCount = 32

    package private(set) var extents: [Range<Int64>] = []

    package init() {}

    /// Takes over a list from elsewhere; nil unless it keeps this type's promises.
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

    /// Adds a range of offsets from 0 on. Where that makes one extent too many, the smallest of the others is given up.
    package mutating func insert(_ range: Range<Int64>) {
        precondition(range.lowerBound >= 0, "offsets count from the start of the representation")
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
        if extents.count > Self.greatestCount { dropSmallest(butNot: first) }
    }

    /// Whether every byte of `range` is there.
    package func contains(_ range: Range<Int64>) -> Bool {
        if range.isEmpty { return true }
        for extent in extents where extent.lowerBound <= range.lowerBound {
            if range.upperBound <= extent.upperBound { return true }
        }
        return false
    }

    /// What of `range` isn't there, in order.
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

    /// The one span from the first byte of `range` that isn't there to the last; nil if all are there.
    package func missing(in range: Range<Int64>) -> Range<Int64>? {
        var lower = range.lowerBound
        for extent in extents where extent.contains(lower) { lower = extent.upperBound }
        var upper = range.upperBound
        for extent in extents.reversed() where extent.lowerBound < upper && upper <= extent.upperBound {
            upper = extent.lowerBound
        }
        return lower < upper ? lower..<upper : nil
    }

    private mutating func dropSmallest(butNot kept: Int) {
        var smallest: Int?
        for index in extents.indices where index != kept {
            if let other = smallest, extents[other].count <= extents[index].count { continue }
            smallest = index
        }
        if let smallest { extents.remove(at: smallest) }
    }
}
