// Purges by what URLs begin with, whatever the keys are made of. The log remembers a prefix as a name like a tag's. A look-up
// can't ask for every text that its URL begins with, so this remembers which lengths of such texts there are at all: all that
// it takes is a fixed number of bits, however many prefixes were purged.
//
// A prefix is cut into what ends with its last boundary, each `/` of the path and the `?`, and the rest. How many slashes
// come before the boundary is one bit of a mask, and the length of the rest one of another.

import Bytes
import HTTPSemantics
import Synchronization

/// All that begins with a text.
struct PurgedPrefix {
    let name: PurgeName
    /// In the query.
    let isInQuery: Bool
    fileprivate let boundary: UInt64
    fileprivate let rest: Int

    /// A rest that is very long is cut, so that more is meant.
    init(_ text: PrefixText) {
        let (scheme, authority, target) = (text.scheme, text.authority, text.target)
        var walker = PrefixWalker(scheme: scheme.span, authority: authority.span)
        for byte in target {
            if walker.rest == PurgedPrefixes.longestRest, !walker.isBoundary(byte) { break }
            walker.add(byte)
        }
        (name, boundary, rest) = (walker.name, walker.boundary, walker.rest)
        isInQuery = walker.isInQuery
    }
}

/// Which kinds of prefixes were ever purged. Shared by all workers.
final class PurgedPrefixes: Sendable {
    /// What of a prefix follows its last boundary counts up to here.
    static let longestRest = 255
    fileprivate static let queryBoundary: UInt64 = 1 << 62

    private let boundaries = Atomic<UInt64>(0)
    // Lengths of rests: 0 to 63, and so on.
    private let rests0 = Atomic<UInt64>(0)
    private let rests1 = Atomic<UInt64>(0)
    private let rests2 = Atomic<UInt64>(0)
    private let rests3 = Atomic<UInt64>(0)

    /// Whether there is one that reaches into the query.
    var reachQuery: Bool { boundaries.load(ordering: .relaxed) & Self.queryBoundary != 0 }

    /// To be called before the prefix's name is noted.
    func note(_ prefix: PurgedPrefix) {
        let bit: UInt64 = 1 << UInt64(prefix.rest & 63)
        switch prefix.rest >> 6 {
        case 0: rests0.bitwiseOr(bit, ordering: .relaxed)
        case 1: rests1.bitwiseOr(bit, ordering: .relaxed)
        case 2: rests2.bitwiseOr(bit, ordering: .relaxed)
        default: rests3.bitwiseOr(bit, ordering: .relaxed)
        }
        boundaries.bitwiseOr(prefix.boundary, ordering: .releasing)
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

    /// Calls `body` with the names that the URL's prefixes would have, as far as there are any of that kind. Allocates nothing.
    /// - Parameters:
    ///   - scheme, authority: both empty for the prefixes of every host.
    ///   - path: in its normal form.
    ///   - query: with its `?`; empty without one.
    func forEach(
        scheme: Span<UInt8>, authority: Span<UInt8>, path: Span<UInt8>, query: Span<UInt8>, _ body: (PurgeName) -> Void
    ) {
        let known = boundaries.load(ordering: .acquiring)
        if known == 0 { return }
        var walker = PrefixWalker(scheme: scheme, authority: authority)
        if path.isEmpty {
            walker.add(UInt8(ascii: "/"))
            if isKnown(walker, known) { body(walker.name) }
        }
        for index in path.indices {
            walker.add(path[index])
            if isKnown(walker, known) { body(walker.name) }
        }
        for index in query.indices {
            walker.add(query[index])
            if isKnown(walker, known) { body(walker.name) }
        }
    }

    private func isKnown(_ walker: PrefixWalker, _ known: UInt64) -> Bool {
        known & walker.boundary != 0 && hasRest(walker.rest)
    }
}

/// Walks through a target, and names what it has seen of it.
private struct PrefixWalker: BitwiseCopyable {
    private var hash: NameHash
    private var slashes = 0
    private(set) var isInQuery = false
    /// Bytes since the last boundary.
    private(set) var rest = 0

    init(scheme: Span<UInt8>, authority: Span<UInt8>) {
        hash = NameHash(kind: UInt8(ascii: "p"), scheme: scheme, authority: authority)
    }

    /// The bit of the last boundary.
    var boundary: UInt64 { isInQuery ? PurgedPrefixes.queryBoundary : 1 << UInt64(min(slashes, 61)) }

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

    var name: PurgeName { hash.digest }
}
