// The one place where a response's head is put together: stored, validated, partial, forwarded, interim, Larder's own. What
// it writes are neutral lines, a status line and fields that every version of HTTP has; framing and the connection's own
// fields are the stream's to add. It decides nothing: what is said comes from its callers.

import Bytes
import CacheStorage
import EventLoop
import HTTPCaching
import HTTPSemantics
import HTTPWire

/// Builds one head at a time in a buffer that it keeps: once that has grown, nothing is allocated. One per worker. The head
/// stands in ``lines`` from its beginning until the stream has sent it, all within one turn.
package final class ResponseHeadWriter {
    package var lines = ByteBuffer(minimumCapacity: 16 << 10)
    let lineEnd: [UInt8] = Array("\r\n".utf8)
    private let loop: EventLoop
    private var dateText: [UInt8] = []
    private var dateTick: Int64 = -1
    private var cacheStatusText: [UInt8] = []

    package init(loop: EventLoop) { self.loop = loop }

    // MARK: Beginnings

    /// A head of Larder's own.
    package func begin(_ status: Int, _ reason: StaticString) {
        lines.append("HTTP/1.1 ")
        lines.append(decimal: status)
        lines.append(" ")
        lines.append(reason)
        lines.append("\r\n")
    }

    /// A head as it was put together before: status line and fields.
    /// - Parameters:
    ///   - removesTags: leaves out the fields that purging goes by (`cache.tag_headers: remove`).
    ///   - removal: more fields to leave out.
    package func begin(_ head: Span<UInt8>, removesTags: Bool, removing removal: FieldRemoval? = nil) {
        guard removesTags else {
            guard let removal else { return lines.append(head) }
            return removal.append(head, to: &lines)
        }
        lines.append(head.extracting(..<StoredHead.statusLineEnd(head)))
        StoredHead.forEachLine(of: head) { name, line in
            if !FieldName.recognise(name).isTag, removal?.contains(name) != true { lines.append(line) }
        }
    }

    /// RFC 9110 §15.4.5: what a 304 repeats of the head that it is about.
    /// - Parameters:
    ///   - removal: fields to leave out.
    ///   - kept: fields that it repeats too.
    package func beginNotModified(
        _ head: Span<UInt8>, removing removal: FieldRemoval? = nil, keeping kept: FieldRemoval? = nil
    ) {
        begin(304, "Not Modified")
        StoredHead.forEachLine(of: head) { name, line in
            guard StoredFieldRule.belongsIn304(FieldName.recognise(name)) || kept?.contains(name) == true else {
                return
            }
            if removal?.contains(name) != true { lines.append(line) }
        }
        lines.append("Via: 1.1 larder\r\n")
    }

    /// RFC 9110 §15.3.7: the head of a part of what `head` is about.
    /// - Parameter dropsType: the content is multipart, and the type is that of its parts.
    package func beginPartial(
        _ head: Span<UInt8>, dropsType: Bool, removesTags: Bool, removing removal: FieldRemoval? = nil
    ) {
        begin(206, "Partial Content")
        StoredHead.forEachLine(of: head) { name, line in
            let known = FieldName.recognise(name)
            if known == .contentLength || known == .contentType && dropsType { return }
            if removesTags && known.isTag || removal?.contains(name) == true { return }
            lines.append(line)
        }
    }

    /// RFC 9110 §15.5.17.
    package func beginUnsatisfiable(completeLength: Int64) {
        begin(416, "Range Not Satisfiable")
        lines.append("Content-Length: 0\r\nContent-Range: bytes */")
        lines.append(decimal: Int(completeLength))
        lines.append("\r\nVia: 1.1 larder\r\n")
        appendDate()
    }

    /// A response of the origin's as it is passed on: status line and end-to-end fields, with Date and Via.
    package func begin(
        _ response: borrowing ResponseHead, _ bytes: Span<UInt8>, removesTags: Bool,
        removing removal: FieldRemoval? = nil
    ) {
        Forwarding.appendStatusLine(response.status, reason: bytes.extracting(response.reason), to: &lines)
        Forwarding.appendEndToEndFields(
            response, bytes, dropping: removesTags ? Self.writtenAnewAndTags : Self.writtenAnew, removing: removal,
            to: &lines)
        appendDateIfAbsent(response)
        Forwarding.appendVia(of: response, bytes, to: &lines)
    }

    /// RFC 9110 §15.2: an interim response of the origin's.
    package func beginInterim(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        var plan = ResponseForwarding(framing: .none)
        plan.appendsVia = false
        Forwarding.appendResponse(response, bytes, plan, to: &lines)
    }

    private static let writtenAnew: FieldSet = [.via, .xCache, .trailer]
    private static let writtenAnewAndTags = writtenAnew.union([.cacheTag, .surrogateKey, .xkey])

    /// Whether the head is that of a 426.
    var saysUpgradeRequired: Bool { lines.beginsUpgradeRequired() }

    // MARK: Fields

    /// Whole lines of fields, each with its end.
    package func append(lines fields: Span<UInt8>, removesTags: Bool, removing removal: FieldRemoval? = nil) {
        guard removesTags || removal != nil else { return lines.append(fields) }
        StoredHead.forEachFieldLine(of: fields) { name, line in
            let isRemoved = removesTags && FieldName.recognise(name).isTag || removal?.contains(name) == true
            if !isRemoved { lines.append(line) }
        }
    }

    package func append(_ name: StaticString, _ value: Span<UInt8>) {
        Forwarding.appendField(name, value, to: &lines)
    }

    package func append(_ name: StaticString, _ value: StaticString) {
        Forwarding.appendField(name, value, to: &lines)
    }

    package func append(_ name: StaticString, decimal value: UInt64) {
        Forwarding.appendField(name, decimal: value, to: &lines)
    }

    /// A whole line, its CRLF included.
    package func append(line: StaticString) { lines.append(line) }

    /// RFC 9111 §5.1, in seconds.
    package func appendAge(_ seconds: UInt64) {
        lines.append("Age: ")
        lines.append(decimal: seconds)
        lines.append("\r\n")
    }

    /// RFC 9209 §2.
    package func appendProxyStatus(error: StaticString) {
        lines.append("Proxy-Status: larder; error=")
        lines.append(error)
        lines.append("\r\n")
    }

    /// RFC 9110 §14.4.
    package func appendContentRange(_ part: Range<Int64>, completeLength: Int64?) {
        lines.append("Content-Range: bytes ")
        lines.append(decimal: UInt64(part.lowerBound))
        lines.append("-")
        lines.append(decimal: UInt64(part.upperBound - 1))
        lines.append("/")
        if let completeLength { lines.append(decimal: UInt64(completeLength)) } else { lines.append("*") }
        lines.append("\r\n")
    }

    package func appendDate() {
        refreshDate()
        lines.append(dateText)
    }

    private func appendDateIfAbsent(_ response: borrowing ResponseHead) {
        if !response.contains(.date) { appendDate() }
    }

    /// `Date`, with its name and CRLF, as of this turn.
    package var dateLine: [UInt8] {
        refreshDate()
        return dateText
    }

    private func refreshDate() {
        // Whether a second has passed the process's clock says; which one it is, the wall clock.
        let tick = loop.clockMilliseconds / 1000
        guard tick != dateTick else { return }
        dateTick = tick
        let second = loop.wallMilliseconds / 1000
        var line = ByteBuffer(minimumCapacity: 64)
        line.append("Date: ")
        HTTPDate.append(second, to: &line)
        line.append("\r\n")
        dateText = line.span.copied()
    }

    /// The trailers that a response announces.
    package func appendTrailerNames(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        for field in response.fields where field.known == .trailer {
            Forwarding.appendField("Trailer", bytes.extracting(field.value), to: &lines)
        }
    }

    // MARK: What the cache says

    /// `Cache-Status` of a HIT (RFC 9211 §2), which allocates nothing.
    package func appendHit(timeToLive: Seconds, detail: Reason?) {
        lines.append("Cache-Status: larder; hit; ttl=")
        lines.append(decimal: Int(timeToLive.count))
        if let detail {
            lines.append("; detail=")
            lines.append(detail.slug)
        }
        lines.append("\r\n")
    }

    package func append(_ status: CacheStatus) {
        cacheStatusText.removeAll(keepingCapacity: true)
        status.append(to: &cacheStatusText)
        let text = cacheStatusText
        Forwarding.appendField("Cache-Status", text.span, to: &lines)
    }

    /// For a response of Larder's own.
    /// - Parameter status: nil where the origin was not asked.
    package func append(_ status: CacheStatus?, detail: StaticString) {
        lines.append("Cache-Status: ")
        if let status {
            cacheStatusText.removeAll(keepingCapacity: true)
            status.append(to: &cacheStatusText)
            lines.append(cacheStatusText)
        } else {
            lines.append("larder")
        }
        lines.append("; detail=")
        lines.append(detail)
        lines.append("\r\n")
    }
}

extension ByteBuffer {
    /// Whether a status line of 426 stands at the front. A method of the buffer, because a span of a class's property can't be
    /// kept.
    fileprivate borrowing func beginsUpgradeRequired() -> Bool {
        let bytes = span
        guard bytes.count > 12 else { return false }
        return bytes[9] == UInt8(ascii: "4") && bytes[10] == UInt8(ascii: "2") && bytes[11] == UInt8(ascii: "6")
    }
}
