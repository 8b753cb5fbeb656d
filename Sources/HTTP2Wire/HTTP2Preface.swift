// The first bytes of an HTTP/2 connection (RFC 9113 §3.4), which no HTTP/1 request begins with.

import Bytes
import HTTPSemantics

package enum HTTP2Preface {
    package enum Match {
        case none
        /// More bytes are needed to tell.
        case beginning
        case whole
    }

    private static let text: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

    package static var length: Int { text.utf8CodeUnitCount }

    /// Whether `bytes` begin with the preface.
    package static func match(_ bytes: Span<UInt8>) -> Match {
        let count = min(bytes.count, text.utf8CodeUnitCount)
        for index in 0..<count where bytes[index] != text[octet: index] { return .none }
        return count == text.utf8CodeUnitCount ? .whole : .beginning
    }

    /// Whether `bytes`, which are no request, begin as none does either: their first line names no version of HTTP or, where it
    /// hasn't ended, doesn't begin with a method.
    package static func isNoHTTP(_ bytes: Span<UInt8>) -> Bool {
        let name: StaticString = "HTTP/"
        let end = Scan.first(.lineFeed, in: bytes, from: 0, to: bytes.count)
        guard end < bytes.count else {
            let space = Scan.first(.space, in: bytes, from: 0, to: bytes.count)
            return !Token.isToken(bytes.extracting(..<space))
        }
        var start = 0
        while start + name.utf8CodeUnitCount <= end {
            if Scan.equals(bytes.extracting(start..<(start + name.utf8CodeUnitCount)), name) { return false }
            start = Scan.first(name[octet: 0], in: bytes, from: start + 1, to: end)
        }
        return true
    }
}
