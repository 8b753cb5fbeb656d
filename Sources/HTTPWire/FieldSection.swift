// The field lines of a head (RFC 9110 §5, RFC 9112 §5): split, validated and recognised. The few fields that determine
// framing and persistence are interpreted on the way. The array is reused, so a persistent connection allocates
// nothing.

import Bytes
import HTTPSemantics

/// One field line, by offsets into the head.
@usableFromInline
package struct FieldLine: Sendable, Equatable {
    @usableFromInline package let known: FieldName
    @usableFromInline package let name: ByteRange
    /// Without the white space around it; may be empty.
    @usableFromInline package let value: ByteRange
}

@usableFromInline
struct FieldSection {
    /// Enough for the heads of most clients, so that the array is allocated once.
    private static let usualCount = 24

    @usableFromInline var lines: [FieldLine] = []
    @usableFromInline var present = FieldSet()
    var framing = FramingFields()
    @usableFromInline var connection = ConnectionOptions()
    private var namedFields: [NamedField] = []

    mutating func removeAll() {
        lines.removeAll(keepingCapacity: true)
        present = FieldSet()
        framing = FramingFields()
        connection = ConnectionOptions()
        if !namedFields.isEmpty { namedFields.removeAll(keepingCapacity: true) }
    }

    /// Frees its memory.
    mutating func release() {
        lines = []
        namedFields = []
    }

    /// Splits `line`, which has no control characters but HTAB, into name and value and appends it. Returns what was
    /// appended.
    @inline(__always)
    mutating func append(_ line: Range<Int>, in bytes: Span<UInt8>) throws(WireError.Reason) -> FieldLine {
        let field = try FieldSection.split(line, in: bytes)
        switch field.known {
        case .contentLength:
            if let fault = framing.readContentLength(field.value, in: bytes) { throw fault }
        case .transferEncoding:
            if let fault = framing.readTransferEncoding(field.value, in: bytes) { throw fault }
        case .connection:
            if let fault = connection.read(field.value, in: bytes, others: &namedFields) { throw fault }
        default: break
        }
        present.insert(field.known)
        if lines.isEmpty { lines.reserveCapacity(FieldSection.usualCount) }
        lines.append(field)
        return field
    }

    /// `name ":" OWS value OWS` (RFC 9112 §5).
    @inline(__always)
    static func split(_ line: Range<Int>, in bytes: Span<UInt8>) throws(WireError.Reason) -> FieldLine {
        let start = line.lowerBound
        if bytes[start].isWhitespace { throw .obsoleteFolding }
        let colon = Scan.first(UInt8(ascii: ":"), in: bytes, from: start, to: line.upperBound)
        if colon == line.upperBound { throw .missingColon }
        if colon == start { throw .emptyFieldName }
        let name = bytes.extracting(start..<colon)
        let known = FieldName.recognise(name)
        if known == .other, !Token.isToken(name) {
            throw bytes[colon &- 1].isWhitespace ? .spaceBeforeColon : .invalidFieldName
        }
        return FieldLine(
            known: known, name: ByteRange(start, colon), value: ListElements.trimmed(bytes, colon &+ 1, line.upperBound)
        )
    }

    func first(_ name: FieldName) -> ByteRange? {
        guard present.contains(name) else { return nil }
        for line in lines where line.known == name { return line.value }
        return nil
    }

    /// Whether Connection names this field, which makes it hop-by-hop (RFC 9110 §7.6.1).
    func isNamedByConnection(_ field: FieldLine, in bytes: Span<UInt8>) -> Bool {
        guard connection.named.contains(field.known) else { return false }
        if field.known != .other { return true }
        let name = bytes.extracting(field.name)
        let digest = NamedField.digest(of: name)
        for named in namedFields where named.isField(name, digest: digest, in: bytes) { return true }
        return false
    }
}
