// The head of a response as it is stored (RFC 9111 §3.1): status line and end-to-end fields without those that are made anew
// for every response, with Date and Via, and Content-Length where it is known.

import Bytes
import CacheStorage
import HTTPCaching
import HTTPSemantics
import HTTPWire

/// A head of lines, and where its validators lie in it.
struct RecordHead {
    private(set) var lines: [UInt8]
    private(set) var etag = HeadRange.none
    private(set) var lastModified = HeadRange.none
    private(set) var hasContentLength: Bool

    /// - Parameters:
    ///   - date: a `Date` line for a response without one.
    ///   - tags: a line with the tags that the route adds; empty for none.
    ///   - assembly: a buffer that is empty between two uses.
    init(
        _ response: borrowing ResponseHead, _ bytes: Span<UInt8>, date: [UInt8], tags: [UInt8] = [],
        assembly: inout ByteBuffer
    ) {
        assembly.removeAll()
        Forwarding.appendStatusLine(response.status, reason: bytes.extracting(response.reason), to: &assembly)
        for field in response.fields {
            let isKept = response.isForClient(field)
            if Self.notStored.contains(field.known) && !isKept { continue }
            if !isKept, response.isNamedByConnection(field, in: bytes) { continue }
            assembly.append(bytes.extracting(field.name))
            assembly.append(": ")
            let place = HeadRange(offset: assembly.count, count: field.value.count)
            if field.known == .etag && etag.isEmpty { etag = place }
            if field.known == .lastModified && lastModified.isEmpty { lastModified = place }
            assembly.append(bytes.extracting(field.value))
            assembly.append("\r\n")
        }
        if !response.contains(.date) { assembly.append(date) }
        assembly.append(tags)
        Forwarding.appendVia(of: response, bytes, to: &assembly)
        if case .known(let length) = response.contentSize {
            Forwarding.appendField("Content-Length", decimal: length, to: &assembly)
            hasContentLength = true
        } else {
            hasContentLength = false
        }
        lines = assembly.span.copied()
    }

    /// Of a response of which only the content is stored.
    init(ofJSON response: borrowing ResponseHead, date: Instant) {
        var length: Int?
        if case .known(let known) = response.contentSize { length = Int(clamping: known) }
        lines = JSONEntry.head(date: date, length: length)
        hasContentLength = length != nil
    }

    private static let notStored = FieldSet.hopByHop.union([.trailer, .age, .xCache, .via])

    /// The same head without the fields that `private="…"` and `no-cache="…"` name (RFC 9111 §5.2.2.4, §5.2.2.7).
    func withoutNamedFields(of response: borrowing ResponseHead, _ bytes: Span<UInt8>) -> RecordHead {
        var reduced: [UInt8] = []
        reduced.append(lines.span.extracting(..<StoredHead.statusLineEnd(lines.span)))
        let directives = response.fields.filter { $0.isCacheControl }
        StoredHead.forEachLine(of: lines.span) { name, line in
            for directive in directives
            where FieldNameList.cacheControl(bytes.extracting(directive.value), names: name) { return }
            reduced.append(line)
        }
        return replacing(reduced)
    }

    /// The head of the 200 that a 206 is a part of.
    func asWhole() -> RecordHead {
        var whole: [UInt8] = Array("HTTP/1.1 200 OK\r\n".utf8)
        StoredHead.forEachLine(of: lines.span) { name, line in
            let known = FieldName.recognise(name)
            if known != .contentRange && known != .contentLength { whole.append(line) }
        }
        var other = replacing(whole)
        other.hasContentLength = false
        return other
    }

    private func replacing(_ lines: [UInt8]) -> RecordHead {
        var other = self
        other.lines = lines
        (other.etag, other.lastModified) = StoredHead.validators(in: lines.span)
        return other
    }
}

extension FieldLine {
    /// Whether it may name fields that are for one user alone.
    var isCacheControl: Bool { known.isCacheControl }
}

extension FieldName {
    fileprivate var isCacheControl: Bool {
        self == .cacheControl || self == .cdnCacheControl || self == .larderCacheControl
    }
}

/// A stored head with the fields that a 304 brought (RFC 9111 §3.2): the stored field gives way to the new one, except
/// where it describes the content that is stored.
struct FreshenedHead {
    let lines: [UInt8]
    let etag: HeadRange
    let lastModified: HeadRange

    /// - Parameters:
    ///   - tags: a line with the tags that the route adds; empty for none.
    ///   - isForOne: it is the head of one client's response, with the fields that nobody else may be given.
    init(
        stored: StoredResponse, update: borrowing ResponseHead, _ bytes: Span<UInt8>, date: [UInt8],
        tags: [UInt8] = [], isForOne: Bool = false
    ) {
        let old = stored.head
        var lines: [UInt8] = []
        lines.append(old.extracting(..<StoredHead.statusLineEnd(old)))
        // RFC 9111 §5.2.2.4, §5.2.2.7: what these name is for one user alone.
        let directives = isForOne ? [] : update.fields.filter { $0.isCacheControl }
        let fields = update.fields.filter { field in
            for directive in directives
            where FieldNameList.cacheControl(bytes.extracting(directive.value), names: bytes.extracting(field.name)) {
                return false
            }
            return Self.updates(field, update, bytes)
        }
        let bringsDate = update.contains(.date)
        var kept: [UInt8] = []
        StoredHead.forEachLine(of: old) { name, line in
            for field in fields where bytes.extracting(field.name).isSameName(as: name) { return }
            // Stored while it wasn't named yet.
            for directive in directives
            where FieldNameList.cacheControl(bytes.extracting(directive.value), names: name) { return }
            // A 304 without a Date was made now.
            if !bringsDate && FieldName.recognise(name) == .date { return }
            // It comes again below, whatever tags the origin sends.
            if line.isSame(as: tags.span) { return }
            kept.append(line)
        }
        lines += kept
        for field in fields {
            lines.append(bytes.extracting(field.name))
            lines.append(contentsOf: ": ".utf8)
            lines.append(bytes.extracting(field.value))
            lines.append(contentsOf: "\r\n".utf8)
        }
        if !bringsDate { lines += date }
        lines += tags
        self.lines = lines
        (etag, lastModified) = StoredHead.validators(in: lines.span)
    }

    /// RFC 9111 §3.4: the head of a whole of which another part has arrived. The newer response's fields take the place of
    /// the stored ones.
    static func joined(_ old: Span<UInt8>, with new: Span<UInt8>) -> [UInt8] {
        var head: [UInt8] = Array("HTTP/1.1 200 OK\r\n".utf8)
        StoredHead.forEachLine(of: old) { oldName, line in
            var isReplaced = false
            StoredHead.forEachLine(of: new) { name, line in
                if name.isSameName(as: oldName) { isReplaced = true }
                // RFC 9111 §5.2.2.4, §5.2.2.7.
                guard FieldName.recognise(name).isCacheControl else { return }
                if FieldNameList.cacheControl(StoredHead.value(of: line), names: oldName) { isReplaced = true }
            }
            if !isReplaced { head.append(line) }
        }
        StoredHead.forEachLine(of: new) { _, line in head.append(line) }
        return head
    }

    /// What a 304 brings beside the fields that every 304 has (RFC 9110 §15.4.5): for the client whose own condition it
    /// answers too.
    static func linesBeyond304(_ update: borrowing ResponseHead, _ bytes: Span<UInt8>) -> [UInt8] {
        var lines: [UInt8] = []
        for field in update.fields
        where updates(field, update, bytes) && !StoredFieldRule.belongsIn304(field.known) {
            lines.append(bytes.extracting(field.name))
            lines.append(contentsOf: ": ".utf8)
            lines.append(bytes.extracting(field.value))
            lines.append(contentsOf: "\r\n".utf8)
        }
        return lines
    }

    private static func updates(_ field: FieldLine, _ update: borrowing ResponseHead, _ bytes: Span<UInt8>) -> Bool {
        if update.isNamedByConnection(field, in: bytes) || field.known == .via { return false }
        return StoredFieldRule.mayBeUpdated(field.known)
    }
}
