// How long a message's body is (RFC 9112 §6). Whatever two parsers could read differently is rejected: request
// smuggling depends on such differences.

import Bytes
import HTTPSemantics

/// Where a body ends.
@usableFromInline
package enum BodyFraming: Equatable, Sendable {
    case none
    case length(UInt64)
    case chunked
    /// Responses only: the body ends with the connection.
    case untilClose
}

/// The framing fields of one head, collected line by line.
struct FramingFields {
    private(set) var contentLength: UInt64?
    private(set) var hasTransferEncoding = false
    private var isChunked = false
    private var hasOtherCoding = false

    /// RFC 9112 §6.3: a list of identical values counts as one. `Int64.max` is the largest, so that sums can't
    /// overflow.
    mutating func readContentLength(_ value: ByteRange, in bytes: Span<UInt8>) -> WireError.Reason? {
        var index = value.lower
        // Every element of `5, 5` must be digits. An empty element is rejected, though lists allow it elsewhere.
        repeat {
            let comma = Scan.first(UInt8(ascii: ","), in: bytes, from: index, to: value.upper)
            let element = ListElements.trimmed(bytes, index, comma)
            guard !element.isEmpty else { return .invalidContentLength }
            for digit in element.lower..<element.upper where !bytes[digit].isDigit { return .invalidContentLength }
            guard let length = Decimal.value(bytes.extracting(element)), length <= UInt64(Int64.max) else {
                return .contentLengthOverflow
            }
            if let contentLength, contentLength != length { return .differingContentLengths }
            contentLength = length
            if comma == value.upper { return nil }
            index = comma &+ 1
        } while true
    }

    /// RFC 9112 §6.1. Several lines are one list.
    mutating func readTransferEncoding(_ value: ByteRange, in bytes: Span<UInt8>) -> WireError.Reason? {
        hasTransferEncoding = true
        var index = value.lower
        repeat {
            let comma = Scan.first(UInt8(ascii: ","), in: bytes, from: index, to: value.upper)
            let coding = bytes.extracting(ListElements.trimmed(bytes, index, comma))
            guard Token.isToken(coding) else { return .invalidTransferEncoding }
            if Scan.equalsIgnoringCase(coding, "chunked") {
                if isChunked { return .chunkedTwice }
                isChunked = true
            } else {
                if isChunked { return .chunkedNotLast }
                hasOtherCoding = true
            }
            if comma == value.upper { return nil }
            index = comma &+ 1
        } while true
    }

    /// The framing that all framing fields of a head together define, regardless of method and status.
    func framing(minorVersion: UInt8, otherwise: BodyFraming) throws(WireError.Reason) -> BodyFraming {
        if hasTransferEncoding {
            if minorVersion == 0 { throw .transferEncodingOnHTTP10 }
            if contentLength != nil { throw .bothFramings }
            if !isChunked { throw .chunkedNotLast }
            if hasOtherCoding { throw .unknownTransferCoding }
            return .chunked
        }
        return if let contentLength { .length(contentLength) } else { otherwise }
    }
}
