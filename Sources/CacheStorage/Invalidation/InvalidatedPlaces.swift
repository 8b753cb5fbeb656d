// Invalidation by place: of whatever is looked up for one URL, or for any that begins with a text, whatever its key is made
// of. The clock remembers a place as a name like a tag's. A lookup can't ask for every text that its URL begins with, so
// this also remembers which lengths of such texts there are at all; that is all it adds to the clock, and all that a lookup
// reads while no place was ever invalidated.
//
// A prefix is cut into what ends with its last boundary, each `/` of the path and the `?`, and the rest. How many slashes
// come before the boundary is one bit of a mask, and the length of the rest one of another.

import Bytes
import HTTPCaching
import HTTPSemantics
import Synchronization

/// A URL, or everything that begins with a text.
package struct InvalidatedPlace: Sendable {
    let name: InvalidationName
    fileprivate let boundary: UInt64
    fileprivate let rest: Int

    /// - Parameters:
    ///   - scheme, authority: the origin, as in ``GroupOrigin``.
    ///   - target: path in its normal form, and query. It begins with a slash.
    ///   - isPrefix: whether all are meant that begin with it. A rest that is very long is cut, so that more are meant.
    package init(scheme: Span<UInt8>, authority: Span<UInt8>, target: Span<UInt8>, isPrefix: Bool) {
        var walker = PlaceWalker(scheme: scheme, authority: authority)
        for index in target.indices {
            if isPrefix, walker.rest == InvalidatedPlaces.longestRest, !walker.isBoundary(target[index]) { break }
            walker.add(target[index])
        }
        if isPrefix {
            (name, boundary, rest) = (walker.prefixName, walker.boundary, walker.rest)
        } else {
            (name, boundary, rest) = (walker.wholeName, InvalidatedPlaces.whole, 0)
        }
    }
}

/// Which kinds of places were ever invalidated. Shared by all workers.
final class InvalidatedPlaces: Sendable {
    /// What of a prefix follows its last boundary counts up to here.
    static let longestRest = 255
    /// The bit for whole URLs.
    fileprivate static let whole: UInt64 = 1 << 63

    private let boundaries = Atomic<UInt64>(0)
    // Lengths of rests: 0 to 63, and so on.
    private let rests0 = Atomic<UInt64>(0)
    private let rests1 = Atomic<UInt64>(0)
    private let rests2 = Atomic<UInt64>(0)
    private let rests3 = Atomic<UInt64>(0)

    /// Whether there is none: one relaxed load.
    var isEmpty: Bool { boundaries.load(ordering: .relaxed) == 0 }

    /// To be called before the place's name is noted.
    func note(_ place: InvalidatedPlace) {
        let bit: UInt64 = 1 << UInt64(place.rest & 63)
        switch place.rest >> 6 {
        case 0: rests0.bitwiseOr(bit, ordering: .relaxed)
        case 1: rests1.bitwiseOr(bit, ordering: .relaxed)
        case 2: rests2.bitwiseOr(bit, ordering: .relaxed)
        default: rests3.bitwiseOr(bit, ordering: .relaxed)
        }
        boundaries.bitwiseOr(place.boundary, ordering: .releasing)
    }

    private func hasRest(_ count: Int) -> Bool {
        let mask =
            switch count >> 6 {
            case 0: rests0.load(ordering: .relaxed)
            case 1: rests1.load(ordering: .relaxed)
            case 2: rests2.load(ordering: .relaxed)
            case 3: rests3.load(ordering: .relaxed)
            default: UInt64(0)
            }
        return mask >> UInt64(count & 63) & 1 != 0
    }

    /// Whether `isNamed` is true of a place that the URL is in. Allocates nothing.
    /// - Parameter query: with its `?`; empty without one.
    func contain(
        scheme: Span<UInt8>, authority: Span<UInt8>, path: Span<UInt8>, query: Span<UInt8>,
        _ isNamed: (InvalidationName) -> Bool
    ) -> Bool {
        let known = boundaries.load(ordering: .acquiring)
        var walker = PlaceWalker(scheme: scheme, authority: authority)
        if path.isEmpty {
            walker.add(UInt8(ascii: "/"))
            if isKnown(walker, known), isNamed(walker.prefixName) { return true }
        }
        for index in path.indices {
            walker.add(path[index])
            if isKnown(walker, known), isNamed(walker.prefixName) { return true }
        }
        // A place without a query is its path's, whatever the query.
        if !query.isEmpty, known & Self.whole != 0, isNamed(walker.wholeName) { return true }
        for index in query.indices {
            walker.add(query[index])
            if isKnown(walker, known), isNamed(walker.prefixName) { return true }
        }
        return known & Self.whole != 0 && isNamed(walker.wholeName)
    }

    private func isKnown(_ walker: PlaceWalker, _ known: UInt64) -> Bool {
        known & walker.boundary != 0 && hasRest(walker.rest)
    }
}

/// Walks through a target, and names what it has seen of it.
private struct PlaceWalker: BitwiseCopyable {
    private var hash: NameHash
    private var slashes = 0
    private var isInQuery = false
    /// Bytes since the last boundary.
    private(set) var rest = 0

    init(scheme: Span<UInt8>, authority: Span<UInt8>) {
        hash = NameHash(kind: UInt8(ascii: "p"), scheme: scheme, authority: authority)
    }

    /// The bit of the last boundary.
    var boundary: UInt64 { isInQuery ? 1 << 62 : 1 << UInt64(min(slashes, 61)) }

    /// Whether the byte, if it comes next, is a boundary.
    func isBoundary(_ byte: UInt8) -> Bool {
        !isInQuery && (byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?"))
    }

    mutating func add(_ byte: UInt8) {
        hash.add(byte)
        rest += 1
        guard isBoundary(byte) else { return }
        rest = 0
        if byte == UInt8(ascii: "/") { slashes += 1 } else { isInQuery = true }
    }

    var prefixName: InvalidationName { InvalidationName(family: .groups, digest: hash.digest) }

    /// No target has a space, so that no prefix has this name.
    var wholeName: InvalidationName {
        var whole = hash
        whole.add(UInt8(ascii: " "))
        return InvalidationName(family: .groups, digest: whole.digest)
    }
}
