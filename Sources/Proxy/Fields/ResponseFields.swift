// `response` of a route: what clients get of a response's fields. Applied each time one is sent, so that what is stored stays the
// origin's and the cache goes by that. Larder's own responses aren't changed.

import Bytes
import CacheStorage
import Clients
import Configuration
import HTTPCaching
import HTTPSemantics
import HTTPWire
import Routing

/// The changes of one route. One per worker.
final class ResponseFields {
    private let removal: FieldRemoval?
    private let lines: FieldLines?
    /// Where the route says what caches are told.
    private let cacheControl: CacheControlLine?
    /// What tells who sends a request, whether the key names it or not: other caches know no key.
    private let credentials: CredentialFields
    /// With the fields that told them before.
    private let removalForCaches: FieldRemoval?
    /// For a 304: nothing that describes content.
    private let linesOf304: FieldLines?
    /// What is added to: a 304 repeats the origin's lines, or a cache would lose them (RFC 9111 §3.2).
    private let additions: FieldRemoval?
    /// Of the fields that the origin's 304 brought, those that the stored head has by now.
    private let repeated: FieldRemoval?
    /// For multipart/byteranges, whose type is its own.
    private let linesOfMultipart: FieldLines?

    /// Nil without changes.
    init?(_ route: Route) {
        let changes = route.response
        guard !changes.isEmpty || route.cacheControl != nil else { return nil }
        let removed = (changes.set.map(\.name) + changes.remove).map { Array($0.utf8) }
        let added = changes.add.map { Array($0.name.utf8) }
        removal = FieldRemoval(removed)
        removalForCaches = FieldRemoval(removed + ["cache-control", "expires", "pragma"].map { Array($0.utf8) })
        lines = FieldLines(changes, of: route)
        linesOf304 = FieldLines(changes, of: route) { !$0.hasPrefix("content-") || $0.hasPrefix("content-security-") }
        linesOfMultipart = FieldLines(changes, of: route) { $0 != "content-type" }
        additions = FieldRemoval(added)
        repeated = FieldRemoval(removed + added)
        cacheControl = route.cacheControl.map(CacheControlLine.init)
        var settings = route.cache ?? CacheSettings()
        settings.key = nil
        settings.isStrict = false
        // RFC 9111 §3.5 holds even where it isn't listed.
        if !settings.credentials.contains(where: { $0.lowercased() == "authorization" }) {
            settings.credentials.append("Authorization")
        }
        credentials = CredentialFields(settings, route.request)
    }

    // MARK: From the store

    /// Begins the head of a stored response.
    /// - Parameter isPersonal: whether it may be for this client alone: then no other cache is told to share it.
    func begin(
        _ stored: StoredResponse, for request: some FieldValueSource, now: Instant, isPersonal: Bool,
        removesTags: Bool, with writer: ResponseHeadWriter
    ) {
        let tells = tellsCaches(Int(stored.status), request, isPersonal: isPersonal)
        writer.begin(stored.head, removesTags: removesTags, removing: tells ? removalForCaches : removal)
        lines?.append(to: &writer.lines, for: request)
        if tells { tellCaches(stored, now, with: writer) }
    }

    /// - Parameter dropsType: the content is multipart, and the type is that of its parts.
    func beginPartial(
        _ stored: StoredResponse, for request: some FieldValueSource, now: Instant, isPersonal: Bool, dropsType: Bool,
        removesTags: Bool, with writer: ResponseHeadWriter
    ) {
        let tells = tellsCaches(Int(stored.status), request, isPersonal: isPersonal)
        writer.beginPartial(
            stored.head, dropsType: dropsType, removesTags: removesTags, removing: tells ? removalForCaches : removal)
        (dropsType ? linesOfMultipart : lines)?.append(to: &writer.lines, for: request)
        if tells { tellCaches(stored, now, with: writer) }
    }

    /// - Parameter linesBeyond: what the origin's own 304 brought beside what a 304 has anyway.
    func beginNotModified(
        _ stored: StoredResponse, for request: some FieldValueSource, now: Instant, isPersonal: Bool,
        linesBeyond: [UInt8], removesTags: Bool, with writer: ResponseHeadWriter
    ) {
        let tells = tellsCaches(Int(stored.status), request, isPersonal: isPersonal)
        writer.beginNotModified(stored.head, removing: tells ? removalForCaches : removal, keeping: additions)
        if !linesBeyond.isEmpty { writer.append(lines: linesBeyond.span, removesTags: removesTags, removing: repeated) }
        linesOf304?.append(to: &writer.lines, for: request)
        if tells { tellCaches(stored, now, with: writer) }
    }

    /// The type of the parts of a multipart response; nil where it is the origin's.
    func contentType(for request: some FieldValueSource) -> [UInt8]? {
        var type: [UInt8]?
        let name = Self.contentType
        lines?.forEachValue(of: name.span, for: request) { type = $0.copied() }
        return type
    }

    private static let contentType = Array("content-type".utf8)

    // MARK: Fetched

    /// Begins the head of a response that was fetched.
    /// - Parameters:
    ///   - recorded: the status line and fields, where they are put together already.
    ///   - isStored: whether it is stored, for others.
    func begin(
        _ response: borrowing ResponseHead, _ bytes: Span<UInt8>, for request: some FieldValueSource,
        recorded: [UInt8]?, isStored: Bool, isPersonal: Bool, removesTags: Bool, with writer: ResponseHeadWriter
    ) {
        let tells =
            tellsCaches(response.status, request, isPersonal: isPersonal)
            && (cacheControl?.allowsSharing == false || Self.isSharable(response, bytes, isStored: isStored))
        let removed = tells ? removalForCaches : removal
        if let recorded {
            writer.begin(recorded.span, removesTags: false, removing: removed)
        } else {
            writer.begin(response, bytes, removesTags: removesTags, removing: removed)
        }
        if response.status == 304 {
            // What the origin doesn't repeat isn't added to: a cache would take that for all there is of the field.
            let names = response.fields.map { bytes.extracting($0.name).copied() }
            linesOf304?.append(to: &writer.lines, for: request) { name in
                names.contains { $0.span.isSameName(as: name) }
            }
        } else {
            lines?.append(to: &writer.lines, for: request)
        }
        guard tells else { return }
        let age = response.first(.age).flatMap { Decimal.value(bytes.extracting($0)) } ?? 0
        cacheControl?.append(to: &writer.lines, age: age)
    }

    /// Trailers that go on to the client.
    func trailers(_ trailers: [UInt8]) -> [UInt8] { removal?.remaining(of: trailers) ?? trailers }

    // MARK: What caches are told

    private func tellCaches(_ stored: StoredResponse, _ now: Instant, with writer: ResponseHeadWriter) {
        let age = stored.facts.currentAge(at: now)
        cacheControl?.append(to: &writer.lines, age: UInt64(max(0, age.count)))
    }

    /// Whether the route's word is for responses with this status to this request: not for failures, nor, where it lets others
    /// share them, for those to somebody in particular.
    private func tellsCaches(_ status: Int, _ request: some FieldValueSource, isPersonal: Bool) -> Bool {
        guard let cacheControl, status < 400 else { return false }
        switch request.head.method {
        case .get, .head, .query: break
        case .post, .put, .delete, .connect, .options, .trace, .patch, .other: return false
        }
        guard cacheControl.allowsSharing else { return true }
        guard !isPersonal else { return false }
        let bytes = request.bytes
        return !credentials.areIn(request.head, bytes)
    }

    /// Whether a response may be anybody's, as far as it says. One that is stored is, but for fields that it names as private:
    /// these aren't stored, and this client gets them.
    private static func isSharable(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>, isStored: Bool) -> Bool {
        if !isStored, response.contains(.setCookie) { return false }
        guard response.contains(.cacheControl) else { return true }
        for field in response.fields where field.known == .cacheControl {
            var elements = ListElements(field.value)
            while let element = elements.next(in: bytes) {
                let directive = bytes.extracting(element)
                let end = directive.firstIndex(of: UInt8(ascii: "="), in: directive.indices) ?? directive.count
                if isStored, end == directive.count { continue }
                let name = directive.extracting(directive.trimming(0..<end))
                if name.isCaseless("private") || name.isCaseless("no-store") || name.isCaseless("no-cache") {
                    return false
                }
            }
        }
        return true
    }
}

/// `response.cache_control`, compiled. Its seconds count from when a client gets the response, and `Age` from when the origin
/// sent it: so the one is added to the other.
private struct CacheControlLine {
    private enum Piece {
        case literal([UInt8])
        case seconds(UInt64)
    }

    let allowsSharing: Bool
    private let pieces: [Piece]

    init(_ value: CacheControlValue) {
        allowsSharing = value.allowsSharing
        pieces = value.pieces.map { piece in
            switch piece {
            case .literal(let text): .literal(text)
            case .seconds(let seconds): .seconds(seconds)
            }
        }
    }

    func append(to output: inout ByteBuffer, age: UInt64) {
        output.append("Cache-Control: ")
        for piece in pieces {
            switch piece {
            case .literal(let text): output.append(text)
            case .seconds(let seconds): output.append(decimal: seconds &+ min(age, 1 << 31))
            }
        }
        output.append("\r\n")
    }
}
