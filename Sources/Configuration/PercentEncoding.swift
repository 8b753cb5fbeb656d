// RFC 3986: which bytes stand in a path as they are, and the one spelling of those that don't.

import Bytes

/// RFC 3986 §3.3 `pchar`, without the percent sign.
func isSegmentByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "!"), UInt8(ascii: "$"), UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "("),
        UInt8(ascii: ")"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: ","), UInt8(ascii: ";"),
        UInt8(ascii: "="), UInt8(ascii: ":"), UInt8(ascii: "@"):
        true
    default: byte.isUnreserved
    }
}

package func percentTriplet(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16, uppercase: true)
    return byte < 16 ? "%0\(digits)" : "%\(digits)"
}

/// RFC 3986 §6.2.2: triplets of unreserved bytes decoded, the others in upper case, and what may not stand in a
/// segment encoded. nil for a `%` that starts no triplet.
func normalizedSegment(_ text: some StringProtocol) -> String? {
    var normal = ""
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
        var value = byte
        var mayStand = isSegmentByte(byte)
        if byte == UInt8(ascii: "%") {
            guard let high = rest.popFirst().flatMap(\.hexValue), let low = rest.popFirst().flatMap(\.hexValue) else {
                return nil
            }
            value = high << 4 | low
            mayStand = value.isUnreserved
        }
        normal += mayStand ? String(UnicodeScalar(value)) : percentTriplet(value)
    }
    return normal
}
