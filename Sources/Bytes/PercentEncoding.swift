// Percent-encoding (RFC 3986 §2.1): encoding and decoding.
//
// A `%` without two hex digits decodes to itself here. Callers that must reject one check with `triplet`.

/// Reads and writes percent-encoded bytes, one at a time.
@usableFromInline
package enum PercentEncoding {
    /// The byte that the triplet at `index` stands for; nil if no valid triplet starts there.
    @inlinable @inline(__always)
    package static func triplet(_ bytes: Span<UInt8>, at index: Int, end: Int) -> UInt8? {
        guard bytes[index] == UInt8(ascii: "%"), index + 2 < end,
            let high = bytes[index + 1].hexValue, let low = bytes[index + 2].hexValue
        else { return nil }
        return high << 4 | low
    }

    /// The byte at `index`, decoded, and `index` moved past what stood for it.
    @inlinable @inline(__always)
    package static func decodedByte(_ bytes: Span<UInt8>, at index: inout Int, end: Int) -> UInt8 {
        let byte = bytes[index]
        if byte == UInt8(ascii: "%"), let decoded = triplet(bytes, at: index, end: end) {
            index += 3
            return decoded
        }
        index += 1
        return byte
    }

    /// The byte at `index` as a form decodes it, where `+` is a space too; `index` moves past what stood for it.
    @inlinable @inline(__always)
    package static func formDecodedByte(_ bytes: Span<UInt8>, at index: inout Int, end: Int) -> UInt8 {
        if bytes[index] == UInt8(ascii: "+") {
            index += 1
            return UInt8(ascii: " ")
        }
        return decodedByte(bytes, at: &index, end: end)
    }

    /// The bytes of `text` without percent-encoding. For start-up: it allocates.
    package static func decoded(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        var decoded: [UInt8] = []
        var index = 0
        while index < bytes.count {
            decoded.append(decodedByte(bytes.span, at: &index, end: bytes.count))
        }
        return decoded
    }
}
