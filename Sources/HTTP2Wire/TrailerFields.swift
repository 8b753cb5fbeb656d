// The fields behind a message's content (RFC 9113 §8.1) as they are decoded, and the lines that they stand for.

import Bytes
import HTTPSemantics

package enum TrailerFields {
    /// Appends a field's line, unless it isn't allowed in a trailer section (RFC 9110 §6.5.1).
    /// - Returns: false if it makes the message malformed.
    package static func append(_ name: Span<UInt8>, _ value: Span<UInt8>, to lines: inout [UInt8]) -> Bool {
        guard !name.isEmpty, name[0] != UInt8(ascii: ":"), Token.isToken(name),
            Scan.firstControl(in: value, from: 0) == value.count
        else { return false }
        if FieldSet.forbiddenInTrailers.contains(FieldName.recognise(name)) { return true }
        lines.append(name)
        lines.append(": ")
        lines.append(value)
        lines.append("\r\n")
        return true
    }
}
