// Which bytes are allowed where (RFC 9110 §5.5, §5.6.2; RFC 3986 §2). Classes of the ASCII range are 128-bit sets, so
// that a test is a shift and a mask and the sets can be read here.

/// A set of ASCII bytes; bytes from 128 up are in none.
@usableFromInline
package struct ByteClass: Sendable {
    @usableFromInline let low: UInt64
    @usableFromInline let high: UInt64

    @inlinable
    init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }

    @inlinable @inline(__always)
    package func contains(_ byte: UInt8) -> Bool {
        let word = byte < 64 ? low : high
        return byte < 128 && (word &>> UInt64(byte & 63)) & 1 == 1
    }

    @inlinable @inline(__always) static var digits: UInt64 { 0x03ff_0000_0000_0000 }
    @inlinable @inline(__always) static var letters: UInt64 { 0x07ff_fffe_07ff_fffe }

    /// RFC 9110 §5.6.2 tchar: letters, digits and ``!#$%&'*+-.^_`|~``.
    @inlinable @inline(__always)
    package static var token: ByteClass {
        ByteClass(low: digits | 0x0000_6cfa_0000_0000, high: letters | 0x5000_0001_c000_0000)
    }

    /// RFC 3986 §2.3 unreserved: letters, digits and `-._~`. A host of this gateway is made of these alone.
    @inlinable @inline(__always)
    package static var unreserved: ByteClass {
        ByteClass(low: digits | 0x0000_6000_0000_0000, high: letters | 0x4000_0000_8000_0000)
    }
}

extension UInt8 {
    @inlinable @inline(__always) package static var tab: UInt8 { 0x09 }
    @inlinable @inline(__always) package static var lineFeed: UInt8 { 0x0a }
    @inlinable @inline(__always) package static var carriageReturn: UInt8 { 0x0d }
    @inlinable @inline(__always) package static var space: UInt8 { 0x20 }

    /// RFC 9110 §5.6.3: the two bytes of optional white space.
    @inlinable @inline(__always) package var isWhitespace: Bool { self == .space || self == .tab }

    @inlinable @inline(__always) package var isDigit: Bool { self &- 0x30 < 10 }

    /// An ASCII letter of either case.
    @inlinable @inline(__always) package var isLetter: Bool { (self | 0x20) &- 0x61 < 26 }

    /// RFC 3986 §2.3: letters, digits and `-._~`.
    @inlinable @inline(__always) package var isUnreserved: Bool { ByteClass.unreserved.contains(self) }

    /// RFC 9110 §5.6.2 tchar.
    @inlinable @inline(__always) package var isTokenCharacter: Bool { ByteClass.token.contains(self) }

    /// Upper-case ASCII letters become lower-case, all other bytes stay.
    @inlinable @inline(__always) package var lowercased: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }

    /// The value of a hexadecimal digit of either case, or nil.
    @inlinable @inline(__always) package var hexValue: UInt8? {
        if isDigit { return self &- 0x30 }
        let letter = (self | 0x20) &- 0x61
        return letter < 6 ? letter &+ 10 : nil
    }

    /// The lower-case hexadecimal digit of a value below 16.
    @inlinable @inline(__always) package var hexDigit: UInt8 { self < 10 ? self &+ 0x30 : self &+ 0x57 }

    /// The upper-case hexadecimal digit of a value below 16, as percent-encoding writes it.
    @inlinable @inline(__always) package var capitalHexDigit: UInt8 { self < 10 ? self &+ 0x30 : self &+ 0x37 }
}
