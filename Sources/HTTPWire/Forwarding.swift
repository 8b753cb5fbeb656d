// What both directions of forwarding share (RFC 9110 §7.6): a head is serialised from the parsed one, never copied as
// it arrived. It is left open, so that the caller can add fields of its own; `endHead` closes it.

import Bytes
import HTTPSemantics

/// Serialises heads for the other side.
package enum Forwarding {
    /// The Connection field of this hop.
    package enum Connection: UInt8, Sendable {
        /// No field: HTTP/1.1 connections persist by default.
        case implied
        case close
        /// For an HTTP/1.0 client that asked for it.
        case keepAlive
        /// The tunnel's handshake: Upgrade is carried over from the message.
        case upgrade
    }

    /// The name of this gateway in Via of a response, and the beginning of its name in that of a request.
    package static var pseudonym: StaticString { "larder" }

    /// `name: value` and CRLF. The value must come from a parsed message or be made of visible characters and spaces.
    @inlinable
    package static func appendField(_ name: StaticString, _ value: Span<UInt8>, to output: inout ByteBuffer) {
        output.append(name)
        output.append(": ")
        output.append(value)
        output.append("\r\n")
    }

    @inlinable
    package static func appendField(_ name: StaticString, _ value: StaticString, to output: inout ByteBuffer) {
        output.append(name)
        output.append(": ")
        output.append(value)
        output.append("\r\n")
    }

    @inlinable
    package static func appendField(_ name: StaticString, decimal value: UInt64, to output: inout ByteBuffer) {
        output.append(name)
        output.append(": ")
        output.append(decimal: value)
        output.append("\r\n")
    }

    /// The empty line that ends a head.
    @inlinable
    package static func endHead(_ output: inout ByteBuffer) { output.append("\r\n") }

    /// A field line of the message as `Name: value`, the name spelled as the sender did.
    @inline(__always)
    static func append(_ field: FieldLine, of bytes: Span<UInt8>, to output: inout ByteBuffer) {
        // Nearly every line came as it goes out: one copy instead of four. The line's CR is followed by its LF.
        let (colon, end) = (field.name.upper, field.value.upper)
        if field.value.lower == colon &+ 2, bytes[colon &+ 1] == .space, end &+ 1 < bytes.count,
            bytes[end] == .carriageReturn
        {
            return output.append(bytes.extracting(field.name.lower..<(end &+ 2)))
        }
        output.append(bytes.extracting(field.name))
        output.append(": ")
        output.append(bytes.extracting(field.value))
        output.append("\r\n")
    }

    /// The values of all lines of that name, each followed by a comma and a space, so that the caller can append one
    /// more. Empty values are left out.
    static func appendValues(
        of name: FieldName, in lines: [FieldLine], _ bytes: Span<UInt8>, to output: inout ByteBuffer
    ) {
        for line in lines where line.known == name && !line.value.isEmpty {
            output.append(bytes.extracting(line.value))
            output.append(", ")
        }
    }

    /// RFC 9110 §7.6.3: Via of a response, with this gateway after the entries of earlier hops.
    package static func appendVia(
        of response: borrowing ResponseHead, _ bytes: Span<UInt8>, to output: inout ByteBuffer
    ) {
        beginVia(
            version: response.isHTTP2 ? "2.0 " : response.minorVersion == 0 ? "1.0 " : "1.1 ", lines: response.fields,
            isPresent: response.contains(.via), bytes, to: &output)
        output.append(pseudonym)
        output.append("\r\n")
    }

    /// RFC 9110 §7.6.3: the received version, after the entries of earlier hops. This gateway's pseudonym is to follow.
    static func beginVia(
        version: StaticString, lines: [FieldLine], isPresent: Bool, _ bytes: Span<UInt8>, to output: inout ByteBuffer
    ) {
        output.append("Via: ")
        if isPresent { appendValues(of: .via, in: lines, bytes, to: &output) }
        output.append(version)
    }

    /// RFC 9112 §6: the framing of the forwarded message, independent of the framing it arrived with.
    static func appendFraming(_ framing: BodyFraming, to output: inout ByteBuffer) {
        switch framing {
        case .none, .untilClose: break
        case .length(let length): appendField("Content-Length", decimal: length, to: &output)
        case .chunked: output.append("Transfer-Encoding: chunked\r\n")
        }
    }
}
