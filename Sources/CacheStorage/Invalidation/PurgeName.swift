// What a purge or an invalidation names, as it is remembered: 16 bytes. Keys and URLs have digests already; the names of groups,
// tags, hosts and prefixes are hashed in place, piece by piece, so that a check allocates nothing. The hash is seeded in each
// process and never leaves it. Two names with the same digest are purged together, which only costs a miss.

import Bytes
import HTTPSemantics

struct PurgeName: Hashable, Sendable, BitwiseCopyable {
    let high: UInt64
    let low: UInt64

    /// A tag; tags are case-sensitive.
    static func tag(_ name: Span<UInt8>) -> PurgeName {
        var hash = NameHash(kind: UInt8(ascii: "t"))
        hash.add(name)
        return hash.digest
    }

    /// A group of one origin (RFC 9875 §2); groups are case-sensitive.
    static func group(_ name: Span<UInt8>, of origin: GroupOrigin) -> PurgeName {
        var hash = origin.hash
        hash.add(name)
        return hash.digest
    }

    static func key(_ key: CacheKey) -> PurgeName { PurgeName(high: key.high, low: key.low) }

    /// Not the name of the key with this digest.
    static func url(_ digest: CacheKey) -> PurgeName { PurgeName(high: ~digest.high, low: digest.low) }

    /// An authority in any case; without the default port of either scheme.
    static func host(_ authority: Span<UInt8>) -> PurgeName {
        var hash = NameHash(kind: UInt8(ascii: "h"))
        let plain = NormalAuthority.range(authority.indices, in: authority, isHTTPS: false)
        for index in NormalAuthority.range(plain, in: authority, isHTTPS: true) {
            hash.add(authority[index].lowercased)
        }
        return hash.digest
    }
}

/// The origin whose groups are named: its scheme, in lower case, and its authority in the normal form that keys have too.
package struct GroupOrigin: Sendable, BitwiseCopyable {
    fileprivate let hash: NameHash

    package init(scheme: Span<UInt8>, authority: Span<UInt8>) {
        hash = NameHash(kind: UInt8(ascii: "g"), scheme: scheme, authority: authority)
    }
}

extension NameHash {
    /// Begins the name of something that an origin has.
    init(kind: UInt8, scheme: Span<UInt8>, authority: Span<UInt8>) {
        var hash = NameHash(kind: kind)
        hash.add(scheme)
        hash.add(UInt8(ascii: " "))
        let isHTTPS = scheme.isCaseless("https")
        for index in NormalAuthority.range(authority.indices, in: authority, isHTTPS: isHTTPS) {
            hash.add(authority[index].lowercased)
        }
        hash.add(UInt8(ascii: " "))
        self = hash
    }
}

/// Two keyed 64-bit hashes of the same bytes, eight at a time: each word is multiplied to 128 bits and folded.
struct NameHash: Sendable, BitwiseCopyable {
    private static let seeds = (
        UInt64.random(in: .min ... .max), UInt64.random(in: .min ... .max), UInt64.random(in: .min ... .max) | 1,
        UInt64.random(in: .min ... .max) | 1
    )

    private var high: UInt64
    private var low: UInt64
    /// An incomplete word: its first byte is the least significant.
    private var word: UInt64 = 0
    private var count: UInt64 = 0

    /// - Parameter kind: separates the names of different kinds.
    init(kind: UInt8) {
        high = Self.seeds.0
        low = Self.seeds.1
        add(kind)
    }

    mutating func add(_ byte: UInt8) {
        word |= UInt64(byte) << ((count & 7) << 3)
        count &+= 1
        if count & 7 == 0 { mix() }
    }

    mutating func add(_ bytes: Span<UInt8>) {
        for index in bytes.indices { add(bytes[index]) }
    }

    var digest: PurgeName {
        var end = self
        end.mix()
        // The length distinguishes names that differ only in trailing zero bytes.
        end.word = count
        end.mix()
        return PurgeName(high: end.high, low: end.low)
    }

    private mutating func mix() {
        high = Self.folded(high ^ word, Self.seeds.2)
        low = Self.folded((low &+ word) ^ 0x9E37_79B9_7F4A_7C15, Self.seeds.3)
        word = 0
    }

    private static func folded(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        // The operands are mixed in again, since a product with few bits set would lose much of them.
        return product.high ^ product.low ^ (left << 32 | left >> 32)
    }
}
