// Numbers in hexadecimal digits, all of them: eight at a time, since every request that is passed on gets a name of 32.

/// A number of 128 bits as 32 lower-case hexadecimal digits, without heap memory.
package struct HexText: Sendable {
    private var bytes = InlineArray<32, UInt8>(repeating: 0)

    package init(_ value: UInt128) {
        var shift = UInt128(96)
        for word in 0..<4 {
            var digits = Self.digits(of: UInt32(truncatingIfNeeded: value >> shift))
            for place in 0..<8 {
                bytes[word &* 8 &+ place] = UInt8(truncatingIfNeeded: digits)
                digits >>= 8
            }
            shift &-= 32
        }
    }

    package var span: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { bytes.span }
    }

    /// The eight digits, the first one in the lowest byte.
    private static func digits(of value: UInt32) -> UInt64 {
        // A byte in every second place, then each of its halves in a place of its own.
        var spread = UInt64(value.byteSwapped)
        spread = (spread | spread &<< 16) & 0x0000_ffff_0000_ffff
        spread = (spread | spread &<< 8) & 0x00ff_00ff_00ff_00ff
        spread = (spread &>> 4 | spread &<< 8) & 0x0f0f_0f0f_0f0f_0f0f
        // From ten on a digit is a letter, 39 places further.
        let letters = ((spread &+ 0x0606_0606_0606_0606) &>> 4) & 0x0101_0101_0101_0101
        return spread &+ 0x3030_3030_3030_3030 &+ letters &* 39
    }
}
