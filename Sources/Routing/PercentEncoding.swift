// Percent-encoding (RFC 3986 §2.1): which characters need it and what a triplet stands for.
//
// A `%` without two hex digits stands for itself; `TargetPath` refuses one in a path, a query may hold it.

enum PercentEncoding {
    /// RFC 3986 §2.3.
    @inline(__always)
    static func isUnreserved(_ byte: UInt8) -> Bool {
        // Bits of 0–9 `-` `.` among the first 64 characters of ASCII, of A–Z a–z `_` `~` among the next 64.
        let members: UInt64 = byte < 64 ? 0x03ff_6000_0000_0000 : 0x47ff_fffe_87ff_fffe
        return byte < 128 && members & (1 << UInt64(byte & 63)) != 0
    }

    @inline(__always)
    static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    @inline(__always)
    static func hexDigit(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? nibble + UInt8(ascii: "0") : nibble - 10 + UInt8(ascii: "A")
    }

    /// The byte that the triplet at `index` stands for; nil if no valid triplet starts there.
    @inline(__always)
    static func triplet(_ bytes: Span<UInt8>, at index: Int, end: Int) -> UInt8? {
        guard bytes[index] == UInt8(ascii: "%"), index + 2 < end,
            let high = hexValue(bytes[index + 1]), let low = hexValue(bytes[index + 2])
        else { return nil }
        return high << 4 | low
    }

    /// The byte at `index`, decoded, and `index` moved past what stood for it.
    @inline(__always)
    static func decodedByte(_ bytes: Span<UInt8>, at index: inout Int, end: Int) -> UInt8 {
        let byte = bytes[index]
        if byte == UInt8(ascii: "%"), let decoded = triplet(bytes, at: index, end: end) {
            index += 3
            return decoded
        }
        index += 1
        return byte
    }
}

extension PercentEncoding {
    /// The bytes of `text` without percent-encoding.
    static func decoded(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        var decoded: [UInt8] = []
        var index = 0
        while index < bytes.count {
            decoded.append(decodedByte(bytes.span, at: &index, end: bytes.count))
        }
        return decoded
    }
}

extension PercentEncoding {
    /// The byte at `index` as a form decodes it, where `+` is a space too; `index` moves past what stood for it.
    @inline(__always)
    static func formDecodedByte(_ bytes: Span<UInt8>, at index: inout Int, end: Int) -> UInt8 {
        if bytes[index] == UInt8(ascii: "+") {
            index += 1
            return UInt8(ascii: " ")
        }
        return decodedByte(bytes, at: &index, end: end)
    }
}
