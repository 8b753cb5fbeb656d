// A response's header section (RFC 9113 §8.2, §8.3.2) as it is decoded, field by field, and the head that it stands for: the same
// bytes that HTTP/1 parses, so that both versions pass the same checks. What only HTTP/2 forbids, or what could be read as something
// else in those bytes, is refused here.

import Bytes
import HTTPSemantics
import HTTPWire

/// Puts one head together after another.
struct ResponseSection: ~Copyable {
    /// What the section says, and the body behind it is framed by.
    enum Framing: Equatable {
        /// There is no body, by rule or because the stream has ended.
        case none
        case length(UInt64)
        /// It ends with the stream; HTTP/1 has chunks for that.
        case chunked
    }

    /// A section as it counts in SETTINGS_MAX_HEADER_LIST_SIZE (RFC 9113 §6.5.2): its names and values, and so much a field.
    private static let fieldOverhead = 32

    private var head = ByteBuffer()
    private var size = 0
    private var count = 0
    private var length: UInt64?
    private(set) var status = 0

    mutating func begin() {
        head.removeAll(keepingUpTo: 4096)
        (size, count) = (0, 0)
        length = nil
        status = 0
    }

    /// The next field, in the order in which they come.
    mutating func append(_ name: Span<UInt8>, _ value: Span<UInt8>, limits: HeadLimits) throws(WireError.Reason) {
        size += name.count + value.count + Self.fieldOverhead
        count += 1
        if size > limits.head { throw .headTooLarge }
        if count > limits.fields + 1 { throw .tooManyFields }
        guard !name.isEmpty, Scan.firstControl(in: value, from: 0) == value.count else { throw .malformedStream }
        if name[0] == UInt8(ascii: ":") { return try appendStatus(name, value) }
        guard status != 0, Token.isToken(name) else { throw .malformedStream }
        for index in name.indices where name[index] != name[index].lowercased { throw .malformedStream }
        switch FieldName.recognise(name) {
        // RFC 9113 §8.2.2.
        case .connection, .keepAlive, .proxyConnection, .transferEncoding, .upgrade: throw .malformedStream
        case .contentLength: try note(length: value)
        default: break
        }
        head.append(name)
        head.append(": ")
        head.append(value)
        head.append("\r\n")
    }

    /// RFC 9113 §8.3.2.
    private mutating func appendStatus(_ name: Span<UInt8>, _ value: Span<UInt8>) throws(WireError.Reason) {
        guard name.isCaseless(":status"), count == 1, value.count == 3, let number = Decimal.value(value) else {
            throw .malformedStream
        }
        // RFC 9113 §8.6: there is no switching of protocols.
        guard (100...599).contains(number), number != 101 else { throw .invalidStatusCode }
        status = Int(number)
        head.append("HTTP/1.1 ")
        head.append(value)
        head.append(" ")
        head.append(ReasonPhrase.of(status))
        head.append("\r\n")
    }

    private mutating func note(length value: Span<UInt8>) throws(WireError.Reason) {
        guard let number = Decimal.value(value) else { throw .invalidContentLength }
        if let length, length != number { throw .differingContentLengths }
        length = number
    }

    var isInterim: Bool { status < 200 }

    /// Completes the head, and appends it to `output`.
    /// - Parameters:
    ///   - isHead: the request's method is HEAD.
    ///   - endsStream: nothing follows the section.
    /// - Returns: how the body is framed in the bytes of HTTP/1.
    mutating func end(
        isHead: Bool, endsStream: Bool, to output: inout ByteBuffer
    ) throws(WireError.Reason) -> Framing {
        guard status != 0 else { throw .malformedStream }
        var framing = Framing.none
        if isInterim {
            if endsStream { throw .malformedStream }
        } else if !isHead, status != 204, status != 304 {
            if let length {
                // RFC 9113 §8.1.1.
                if endsStream, length > 0 { throw .invalidContentLength }
                framing = length > 0 ? .length(length) : .none
            } else if endsStream {
                head.append("content-length: 0\r\n")
            } else {
                head.append("transfer-encoding: chunked\r\n")
                framing = .chunked
            }
        }
        head.append("\r\n")
        output.append(head.span)
        head.removeAll(keepingUpTo: 4096)
        return framing
    }
}
