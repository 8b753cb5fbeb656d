// The metadata of a request's content that is part of the key of a QUERY (RFC 10008 §2.7) or a POST: the same bytes are
// a different query with another media type, coding or language. RFC 9110 §8.7 says that Content-Location in a request
// doesn't affect the response, so it is not included.
//
// Differences without meaning are normalised: the case of types, of parameters' names and of codings, white space
// around `;` and `,`. Parameter values stay as they are, quoted or not: the media type defines whether their case
// matters, and two spellings cost one entry each, never a wrong response. The only space written is the one that begins
// a field, so no value can forge another field.

import Bytes
import HTTPSemantics
import HTTPWire

enum ContentMetadata {
    /// Appends ` type:`, ` encoding:` and ` language:` with the normalised values of these fields, each only if the
    /// field is present.
    static func append(of head: borrowing RequestHead, _ bytes: Span<UInt8>, to text: inout ByteBuffer) {
        append(.contentType, as: " type:", of: head, bytes, to: &text)
        append(.contentEncoding, as: " encoding:", of: head, bytes, to: &text)
        append(.contentLanguage, as: " language:", of: head, bytes, to: &text)
    }

    private static func append(
        _ name: FieldName, as label: StaticString, of head: borrowing RequestHead, _ bytes: Span<UInt8>,
        to text: inout ByteBuffer
    ) {
        guard head.contains(name) else { return }
        var isFirst = true
        for field in head.fields where field.known == name && !head.isNamedByConnection(field, in: bytes) {
            if isFirst { text.append(label) } else { text.append(UInt8(ascii: ",")) }
            isFirst = false
            append(bytes, field.value, hasParameters: name == .contentType, to: &text)
        }
    }

    private static func append(
        _ bytes: Span<UInt8>, _ value: ByteRange, hasParameters: Bool, to text: inout ByteBuffer
    ) {
        var isQuoted = false
        var isParameterValue = false
        var isBehindSeparator = true
        var index = value.lower
        while index < value.upper {
            let byte = bytes[index]
            if isQuoted {
                text.appendVisible(byte)
                index += 1
                if byte == UInt8(ascii: "\"") { isQuoted = false }
                if byte == UInt8(ascii: "\\"), index < value.upper {
                    text.appendVisible(bytes[index])
                    index += 1
                }
                continue
            }
            if isBlank(byte) {
                var end = index + 1
                while end < value.upper, isBlank(bytes[end]) { end += 1 }
                let isAtEdge = isBehindSeparator || end == value.upper || isSeparator(bytes[end])
                if !isAtEdge { for place in index..<end { text.appendVisible(bytes[place]) } }
                index = end
                continue
            }
            index += 1
            isBehindSeparator = isSeparator(byte)
            if isBehindSeparator { isParameterValue = false }
            text.appendVisible(isParameterValue ? byte : byte.lowercased)
            if hasParameters, byte == UInt8(ascii: "=") { isParameterValue = true }
            if hasParameters, byte == UInt8(ascii: "\"") { isQuoted = true }
        }
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

    private static func isSeparator(_ byte: UInt8) -> Bool { byte == UInt8(ascii: ";") || byte == UInt8(ascii: ",") }
}

extension ByteBuffer {
    /// Appends a visible byte as it is and any other percent-encoded.
    fileprivate mutating func appendVisible(_ byte: UInt8) {
        if byte > 0x20, byte < 0x7f, byte != UInt8(ascii: "%") { append(byte) } else { appendTriplet(byte) }
    }
}
