// The name that a stored response goes by in every store: the MD5 of its key text. It doesn't hash anything itself:
// whoever composes the key text computes the digest. Since MD5 collisions can be constructed, no store trusts a key
// alone: the full key text is stored with the response and compared at each lookup.

import Bytes

/// The 16 bytes of MD5(key text), as two integers in big-endian order so that their hex digits read as `md5sum` prints
/// them.
package struct CacheKey: Hashable, Sendable, BitwiseCopyable {
    package let high: UInt64
    package let low: UInt64

    /// Bytes of the digest, and of its lowercase hexadecimal form.
    package static let byteCount = 16
    package static let hexCount = 32

    /// Where no digest is known. No text is known whose MD5 is this.
    package static let none = CacheKey(high: 0, low: 0)

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads a digest in the byte order of the hash function. `digest` holds exactly 16 bytes.
    package init(digest: Span<UInt8>) {
        precondition(digest.count == Self.byteCount, "an MD5 digest has 16 bytes")
        var high: UInt64 = 0
        var low: UInt64 = 0
        for index in 0..<8 {
            high = high << 8 | UInt64(digest[index])
            low = low << 8 | UInt64(digest[index + 8])
        }
        self.init(high: high, low: low)
    }

    /// Reads 32 hexadecimal digits, in either case; nil for anything else.
    package init?(hex digits: Span<UInt8>) {
        guard digits.count == Self.hexCount else { return nil }
        var words: (high: UInt64, low: UInt64) = (0, 0)
        for index in digits.indices {
            guard let value = digits[index].hexValue else { return nil }
            if index < 16 {
                words.high = words.high << 4 | UInt64(value)
            } else {
                words.low = words.low << 4 | UInt64(value)
            }
        }
        self.init(high: words.high, low: words.low)
    }

    /// The hexadecimal digit at `position` (0 is the leftmost of 32), in lower case.
    package func hexDigit(at position: Int) -> UInt8 {
        let word = position < 16 ? high : low
        return (UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * (position & 15))) & 15).hexDigit
    }

    /// All 32 digits. For logs and commands; the request path writes the digits directly into its buffer.
    package var hex: String {
        String(decoding: (0..<Self.hexCount).map { hexDigit(at: $0) }, as: Unicode.UTF8.self)
    }

    package static func == (left: CacheKey, right: CacheKey) -> Bool {
        left.high == right.high && left.low == right.low
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(high)
        hasher.combine(low)
    }
}
