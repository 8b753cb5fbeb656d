// Compresses a response on its way from the origin (`compress`): whoever takes it, for the store or for one client, gets a
// response in that coding, as if the origin had sent it. So what is stored is coded already, once for all that ask for it, and
// is a variant like any other (RFC 9111 §4.1).
//
// A response that would be another one for a client that accepts other codings says so in Vary, coded or not.

import Bytes
import CacheStorage
import Compression
import HTTPCaching
import HTTPSemantics
import HTTPWire
import Origins

/// Of one response. Belongs to the worker's thread.
final class ResponseCoder: ResponseTransform {
    private let compression: RouteCompression
    private let coding: ContentCoding?
    private let method: Method
    private unowned let service: FillService

    // What a 304 is about.
    private let validated: StoredResponse?
    /// The client's own condition, where that goes on.
    private let clientTags: [UInt8]

    private var compressor: Compressor?
    private(set) var changesBody = false
    private var reserved = 0
    /// What has arrived goes out in the same turn: it may be one of many messages.
    private var flushes = false
    /// What the response that arrives is, as the store has to know.
    private(set) var marks: StoredFacts.Flags = []

    init(_ asked: OriginRequest, _ compression: RouteCompression, _ service: FillService) {
        self.compression = compression
        self.service = service
        let request = asked.request
        coding = RequestCodings(request).coding
        method = request.head.method
        validated = asked.validated
        var tags: [UInt8] = []
        if asked.validated == nil, request.head.contains(.ifNoneMatch) {
            let bytes = request.bytes
            for field in request.head.fields where field.known == .ifNoneMatch {
                tags.append(bytes.extracting(field.value))
                tags.append(UInt8(ascii: ","))
            }
        }
        clientTags = tags
    }

    deinit { if reserved > 0 { service.budget.release(reserved) } }

    // MARK: The head

    func begin(_ head: borrowing ResponseHead, _ bytes: Span<UInt8>) -> [UInt8]? {
        if head.status == 304 { return beginNotModified(head, bytes) }
        guard head.status >= 200, head.status != 204, head.status != 205 else { return nil }
        var codable = CodableHead()
        for field in head.fields {
            codable.note(
                bytes.extracting(field.name), field.known, bytes.extracting(field.value), by: compression)
        }
        let length = length(of: head, bytes)
        guard codable.isCodable, compression.gains(length: length) else { return nil }
        guard let coding, head.status != 206, method == .head || beginCoding(coding, length) else {
            return codable.variesByCoding ? nil : varied(head, bytes)
        }
        var other = RecodedHead(status: bytes.extracting(..<firstField(of: head)), coding: coding)
        for field in head.fields {
            other.take(bytes.extracting(field.name), field.known, bytes.extracting(field.value))
        }
        other.end()
        marks = .codedHere
        if other.isTagWeakened { marks.insert(.weakenedETag) }
        return whole(other.lines, addsVary: !codable.variesByCoding)
    }

    /// Of all the content, where that is known.
    private func length(of head: borrowing ResponseHead, _ bytes: Span<UInt8>) -> UInt64? {
        guard head.status == 206 else { return head.declaredContentLength }
        guard let value = head.first(.contentRange),
            case .part(_, let length?) = ContentRange(field: bytes.extracting(value))
        else { return nil }
        return UInt64(length)
    }

    private func firstField(of head: borrowing ResponseHead) -> Int {
        head.fields.first.map { $0.name.lower } ?? max(head.length - 2, 0)
    }

    /// The head as it came, and Vary.
    private func varied(_ head: borrowing ResponseHead, _ bytes: Span<UInt8>) -> [UInt8] {
        whole(bytes.extracting(..<max(head.length - 2, 0)).copied(), addsVary: true)
    }

    private func whole(_ lines: [UInt8], addsVary: Bool) -> [UInt8] {
        var lines = lines
        if addsVary { lines.append("Vary: Accept-Encoding\r\n") }
        lines.append("\r\n")
        return lines
    }

    /// RFC 9110 §15.4.5: what a 200 would say of its Vary and entity-tag.
    private func beginNotModified(_ head: borrowing ResponseHead, _ bytes: Span<UInt8>) -> [UInt8]? {
        var codable = CodableHead()
        for field in head.fields where field.known == .vary {
            codable.note(bytes.extracting(field.name), .vary, bytes.extracting(field.value), by: compression)
        }
        let weakens = isWeakenedByNow(head, bytes)
        // What is stored keeps its own Vary unless there is a new one.
        let varies = validated.map { head.contains(.vary) && CodableHead.namesCoding($0.varyNames) } ?? true
        let addsVary = varies && !codable.variesByCoding
        guard weakens || addsVary else { return nil }
        if !weakens { return varied(head, bytes) }
        marks = .weakenedETag
        // Any coding makes its tags weak; a 304 doesn't tell which it is.
        var other = RecodedHead(status: bytes.extracting(..<firstField(of: head)), coding: .gzip)
        for field in head.fields {
            let (name, value) = (bytes.extracting(field.name), bytes.extracting(field.value))
            if field.known == .etag { other.take(name, .etag, value) } else { other.append(name, value) }
        }
        return whole(other.lines, addsVary: addsVary)
    }

    /// Whether the 304's strong entity-tag is that of a response which has a weak one since it was coded.
    private func isWeakenedByNow(_ head: borrowing ResponseHead, _ bytes: Span<UInt8>) -> Bool {
        guard let value = head.first(.etag), let tag = EntityTag(field: bytes.extracting(value)), !tag.isWeak else {
            return false
        }
        if let validated { return validated.facts.flags.contains(.weakenedETag) }
        var isWeak = false
        var walker = EntityTagWalker()
        let list = clientTags
        let tags = list.span
        while let known = walker.next(in: tags) {
            guard known.isWeaklyEqual(to: tag, tags, bytes.extracting(value)) else { continue }
            if !known.isWeak { return false }
            isWeak = true
        }
        return isWeak
    }

    // MARK: The body

    private func beginCoding(_ coding: ContentCoding, _ length: UInt64?) -> Bool {
        let known = length.map { Int(clamping: $0) }
        let count = Compressor.footprint(coding, compression.effort, length: known)
        guard service.budget.reserve(count) else {
            service.counters.leftUncompressed += 1
            return false
        }
        reserved = count
        compressor = service.compressors.take(coding, compression.effort, length: known)
        if compressor == nil { service.counters.leftUncompressed += 1 }
        flushes = length == nil
        changesBody = compressor != nil
        return changesBody
    }

    func take(_ piece: Span<UInt8>, into output: inout ByteBuffer) -> Bool {
        service.counters.compressedFrom += piece.count
        return work(&output) { compressor, output in compressor.compress(piece, into: &output) }
    }

    func endTurn(into output: inout ByteBuffer) -> Bool {
        !flushes || work(&output) { compressor, output in compressor.flush(into: &output) }
    }

    func finish(into output: inout ByteBuffer) -> Bool {
        service.counters.compressed += 1
        guard work(&output, { compressor, output in compressor.finish(into: &output) }) else { return false }
        if let compressor { service.compressors.put(compressor) }
        compressor = nil
        return true
    }

    private func work(_ output: inout ByteBuffer, _ body: (Compressor, inout ByteBuffer) -> Bool) -> Bool {
        guard let compressor else { return true }
        let before = output.count
        let isWell = body(compressor, &output)
        service.counters.compressedTo += output.count - before
        return isWell
    }
}

extension OriginRequest {
    /// What changes the response on its way here; nil where the route doesn't compress.
    func coder(_ service: FillService) -> ResponseCoder? {
        guard let compression = request.entry?.compression, !request.wantsTunnel else { return nil }
        return ResponseCoder(self, compression, service)
    }
}
