// The head of a response as it is stored and as clients get it: status line and end-to-end fields without those that are
// made anew for every answer, with Date and Via, and Content-Length where it is known (RFC 9111 §3.1).

import Bytes
import CacheStorage
import HTTPCaching
import HTTPSemantics
import HTTPWire

/// Where a head was put together, and where its validators lie in it.
struct RecordHead {
    /// Its place in the worker's scratch buffer.
    let start: Int
    var etag = HeadRange.none
    var lastModified = HeadRange.none
    let hasContentLength: Bool

    /// Appends the head to the worker's scratch buffer.
    init(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>, worker: Worker) {
        start = worker.scratch.count
        Forwarding.appendStatusLine(response.status, reason: bytes.extracting(response.reason), to: &worker.scratch)
        for field in response.fields where !Self.notStored.contains(field.known) {
            if response.isNamedByConnection(field, in: bytes) { continue }
            worker.scratch.append(bytes.extracting(field.name))
            worker.scratch.append(": ")
            let place = HeadRange(offset: worker.scratch.count - start, count: field.value.count)
            if field.known == .etag && etag.isEmpty { etag = place }
            if field.known == .lastModified && lastModified.isEmpty { lastModified = place }
            worker.scratch.append(bytes.extracting(field.value))
            worker.scratch.append("\r\n")
        }
        worker.appendDateAndVia(response, bytes)
        if case .length(let length) = response.framing {
            Forwarding.appendField("Content-Length", decimal: length, to: &worker.scratch)
            hasContentLength = true
        } else {
            hasContentLength = false
        }
    }

    private static let notStored = FieldSet.hopByHop.union([.trailer, .age, .xCache, .via])

    /// The same head without the fields that `private="…"` and `no-cache="…"` name.
    /// - Parameter start: where it begins in `head`, if not where it was put together.
    func withoutNamedFields(
        _ head: Span<UInt8>, of response: borrowing ResponseHead, _ bytes: Span<UInt8>, start: Int? = nil
    ) -> [UInt8] {
        let whole = head.extracting((start ?? self.start)...)
        var reduced: [UInt8] = []
        var end = 0
        while end < whole.count && whole[end] != 0x0A { end += 1 }
        reduced.append(whole.extracting(..<min(end + 1, whole.count)))
        let directives = response.fields.filter { $0.isCacheControl }
        forEachLine(of: whole) { name, line in
            for directive in directives
            where FieldNameList.cacheControl(bytes.extracting(directive.value), names: name) { return }
            reduced.append(line)
        }
        return reduced
    }

    /// This, with the validators' places looked up in `head`.
    func placed(in head: Span<UInt8>) -> RecordHead {
        var placed = self
        (placed.etag, placed.lastModified) = validators(in: head)
        return placed
    }
}

extension FieldLine {
    /// Whether it may name fields that are for one user alone.
    var isCacheControl: Bool { known == .cacheControl || known == .cdnCacheControl || known == .larderCacheControl }
}

/// A stored head with the fields that a 304 brought (RFC 9111 §3.2): the stored field gives way to the new one, except
/// where it describes the content that is stored.
struct MergedHead {
    private(set) var head: [UInt8] = []
    private(set) var etag = HeadRange.none
    private(set) var lastModified = HeadRange.none

    init(stored: StoredResponse, update: borrowing ResponseHead, _ bytes: Span<UInt8>, date: Span<UInt8>) {
        let old = stored.head
        var end = 0
        while end < old.count && old[end] != 0x0A { end += 1 }
        head.append(old.extracting(..<min(end + 1, old.count)))
        let directives = update.fields.filter { $0.isCacheControl }
        let fields = update.fields.filter { field in
            // RFC 9111 §5.2.2.4, §5.2.2.7: for one user alone.
            for directive in directives
            where FieldNameList.cacheControl(bytes.extracting(directive.value), names: bytes.extracting(field.name)) {
                return false
            }
            return Self.updates(field, update, bytes)
        }
        let bringsDate = update.contains(.date)
        var kept: [UInt8] = []
        forEachLine(of: old) { name, line in
            for field in fields where bytes.extracting(field.name).isSameName(as: name) { return }
            // A 304 without a Date was made now.
            if !bringsDate && FieldName.recognise(name) == .date { return }
            kept.append(line)
        }
        head += kept
        for field in fields {
            head.append(bytes.extracting(field.name))
            head.append(contentsOf: ": ".utf8)
            head.append(bytes.extracting(field.value))
            head.append(contentsOf: "\r\n".utf8)
        }
        if !bringsDate { head.append(date) }
        (etag, lastModified) = validators(in: head.span)
    }

    private static func updates(_ field: FieldLine, _ update: borrowing ResponseHead, _ bytes: Span<UInt8>) -> Bool {
        if update.isNamedByConnection(field, in: bytes) || field.known == .via { return false }
        return StoredFieldRule.mayBeUpdated(field.known)
    }
}

/// Where the first ETag and Last-Modified values lie in a head of lines.
func validators(in head: Span<UInt8>) -> (etag: HeadRange, lastModified: HeadRange) {
    var etag = HeadRange.none
    var lastModified = HeadRange.none
    var offset = 0
    while offset < head.count && head[offset] != 0x0A { offset += 1 }
    offset += 1
    forEachLine(of: head) { name, line in
        let value = fieldValue(line)
        let known = FieldName.recognise(name)
        // A stored line is `Name: value` and CRLF, as this file writes it.
        let place = HeadRange(offset: offset + name.count + 2, count: value.count)
        if known == .etag && etag.isEmpty { etag = place }
        if known == .lastModified && lastModified.isEmpty { lastModified = place }
        offset += line.count
    }
    return (etag, lastModified)
}
