// The stored head as lines: the status line, then one `Name: value` and CRLF for each field. Nothing here allocates.

/// Calls `body` with the name and the whole line, CRLF included, of every field in a stored head, whose first line is
/// the status line.
package func forEachLine(of head: Span<UInt8>, _ body: (_ name: Span<UInt8>, _ line: Span<UInt8>) -> Void) {
    var start = 0
    var isFirst = true
    while start < head.count {
        var end = start
        while end < head.count && head[end] != 0x0A { end += 1 }
        end = min(end + 1, head.count)
        if !isFirst {
            var colon = start
            while colon < end && head[colon] != 0x3A { colon += 1 }
            body(head.extracting(start..<colon), head.extracting(start..<end))
        }
        isFirst = false
        start = end
    }
}

/// The value of a stored line.
@_lifetime(copy line)
package func fieldValue(_ line: Span<UInt8>) -> Span<UInt8> {
    var colon = 0
    while colon < line.count && line[colon] != 0x3A { colon += 1 }
    let start = min(colon + 2, line.count)
    return line.extracting(start..<max(start, line.count - 2))
}
