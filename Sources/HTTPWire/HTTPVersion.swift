// `HTTP/1.1` (RFC 9112 §2.3).

import Bytes

enum HTTPVersion {
    static let length = 8

    /// The minor version in the eight bytes at `start`, which must exist. A later minor version is read as 1.1, the
    /// highest that is understood (RFC 9110 §2.5).
    @inline(__always)
    static func minorVersion(at start: Int, in bytes: Span<UInt8>) throws(WireError.Reason) -> UInt8 {
        guard Scan.equals(bytes.extracting(start..<(start &+ 5)), "HTTP/"), bytes[start &+ 6] == UInt8(ascii: ".")
        else {
            throw .invalidVersion
        }
        let major = bytes[start &+ 5]
        let minor = bytes[start &+ 7]
        guard major.isDigit, minor.isDigit else { throw .invalidVersion }
        guard major == UInt8(ascii: "1") else { throw .unsupportedVersion }
        return minor == UInt8(ascii: "0") ? 0 : 1
    }
}
