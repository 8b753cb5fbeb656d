// Which bytes may stand where (RFC 9110 §5.5, §5.6.2; RFC 3986 §2). Classes of the ASCII range are 128-bit sets, so
// that a test is a shift and a mask and the sets can be read here.

/// A set of ASCII bytes; bytes from 128 up are in none.
struct ByteClass: Sendable {
    fileprivate let low: UInt64
    fileprivate let high: UInt64

    @inline(__always)
    func contains(_ byte: UInt8) -> Bool {
        let word = byte < 64 ? low : high
        return byte < 128 && (word &>> UInt64(byte & 63)) & 1 == 1
    }

    private static let digits: UInt64 = 0x03ff_0000_0000_0000
    private static let letters: UInt64 = 0x07ff_fffe_07ff_fffe

    /// RFC 9110 §5.6.2 tchar: letters, digits and ``!#$%&'*+-.^_`|~``.
    static var token: ByteClass {
        ByteClass(low: digits | 0x0000_6cfa_0000_0000, high: letters | 0x5000_0001_c000_0000)
    }

    /// RFC 3986 §2.3 unreserved: letters, digits and `-._~`. A host of this gateway is made of these alone.
    static var unreserved: ByteClass {
        ByteClass(low: digits | 0x0000_6000_0000_0000, high: letters | 0x4000_0000_8000_0000)
    }
}

extension UInt8 {
    @inline(__always) static var tab: UInt8 { 0x09 }
    @inline(__always) static var lineFeed: UInt8 { 0x0a }
    @inline(__always) static var carriageReturn: UInt8 { 0x0d }
    @inline(__always) static var space: UInt8 { 0x20 }

    /// RFC 9110 §5.6.3: the two bytes of optional white space.
    @inline(__always) var isWhitespace: Bool { self == .space || self == .tab }

    @inline(__always) var isDigit: Bool { self &- 0x30 < 10 }

    /// The value of a hexadecimal digit, or nil.
    @inline(__always) var hexValue: UInt8? {
        if isDigit { return self &- 0x30 }
        let letter = (self | 0x20) &- 0x61
        return letter < 6 ? letter &+ 10 : nil
    }

    /// Upper-case ASCII letters become lower-case, all other bytes stay.
    @inline(__always) var lowercased: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }
}
