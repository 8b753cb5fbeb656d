// Bytes of a stranger's, as text for a log: quotation marks, backslashes, control characters and whatever isn't ASCII can't leave
// their field.

import Bytes

enum EscapedText {
    /// Escaped as in a JSON string.
    static func append(_ text: Span<UInt8>, to lines: inout ByteBuffer) {
        for index in text.indices {
            let byte = text[index]
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                lines.append(UInt8(ascii: "\\"))
                lines.append(byte)
            } else if byte < 0x20 || byte >= 0x7F {
                lines.append("\\u00")
                lines.append((byte >> 4).hexDigit)
                lines.append((byte & 15).hexDigit)
            } else {
                lines.append(byte)
            }
        }
    }

    static func of(_ text: Span<UInt8>) -> String {
        var escaped = ByteBuffer(minimumCapacity: 128)
        append(text, to: &escaped)
        return escaped.span.text()
    }
}
