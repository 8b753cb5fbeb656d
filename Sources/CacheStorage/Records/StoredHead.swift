// Reads a stored head line by line: the status line, then `Name: value` and CRLF for each field. Reading in place
// allocates nothing.

import Bytes
import HTTPSemantics

/// Reads the serialised head of a record.
package enum StoredHead {
    /// The offset of the first field line, after the status line.
    package static func statusLineEnd(_ head: Span<UInt8>) -> Int {
        var end = 0
        while end < head.count && head[end] != 0x0A { end += 1 }
        return min(end + 1, head.count)
    }

    /// Calls `body` with the name and the whole line, CRLF included, of every field.
    package static func forEachLine(
        of head: Span<UInt8>, _ body: (_ name: Span<UInt8>, _ line: Span<UInt8>) -> Void
    ) {
        forEachFieldLine(of: head.extracting(statusLineEnd(head)...), body)
    }

    /// The same of fields without a status line before them.
    package static func forEachFieldLine(
        of head: Span<UInt8>, _ body: (_ name: Span<UInt8>, _ line: Span<UInt8>) -> Void
    ) {
        var start = 0
        while start < head.count {
            var end = start
            while end < head.count && head[end] != 0x0A { end += 1 }
            end = min(end + 1, head.count)
            var colon = start
            while colon < end && head[colon] != 0x3A { colon += 1 }
            body(head.extracting(start..<colon), head.extracting(start..<end))
            start = end
        }
    }

    /// The value of a field line.
    @_lifetime(copy line)
    package static func value(of line: Span<UInt8>) -> Span<UInt8> {
        var colon = 0
        while colon < line.count && line[colon] != 0x3A { colon += 1 }
        let start = min(colon + 2, line.count)
        return line.extracting(start..<max(start, line.count - 2))
    }

    /// The value of the first line of that field; empty if there is none.
    package static func value(of field: FieldName, in head: Span<UInt8>) -> [UInt8] {
        var value: [UInt8]?
        forEachLine(of: head) { name, line in
            if value == nil && FieldName.recognise(name) == field { value = self.value(of: line).copied() }
        }
        return value ?? []
    }

    /// The ranges of the values of the first ETag and Last-Modified.
    package static func validators(in head: Span<UInt8>) -> (etag: HeadRange, lastModified: HeadRange) {
        var etag = HeadRange.none
        var lastModified = HeadRange.none
        var offset = statusLineEnd(head)
        forEachLine(of: head) { name, line in
            let value = value(of: line)
            let known = FieldName.recognise(name)
            // A line is `Name: value` and CRLF.
            let place = HeadRange(offset: offset + name.count + 2, count: value.count)
            if known == .etag && etag.isEmpty { etag = place }
            if known == .lastModified && lastModified.isEmpty { lastModified = place }
            offset += line.count
        }
        return (etag, lastModified)
    }
}
