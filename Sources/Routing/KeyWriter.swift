// Writes key texts: the plain one and those of templates.

import Bytes
import HTTPSemantics
import HTTPWire

/// Why a request has no key of its own under a template: what others are served isn't for it, nor its response for them.
package enum KeyFault: Sendable, Equatable {
    /// A value is missing or empty for which the template has no default.
    case incomplete
    /// A query parameter or cookie that the template names stands in the request more than once.
    case ambiguous
}

/// The inputs of a key other than the head.
struct KeyRequest {
    let scheme: URIScheme
    let match: RouteMatch
    let body: MD5Digest?
}

struct KeyWriter: ~Copyable {
    private(set) var text = ByteBuffer()
    /// The end of the path in a text without a template, where the query may begin; nil with a template.
    private(set) var pathEnd: Int?
    /// What is wrong with the text; the first of several.
    private(set) var fault: KeyFault?
    private var query = QueryText()
    private var metadata = ByteBuffer()

    mutating func write(
        _ head: borrowing RequestHead, _ bytes: Span<UInt8>, _ request: KeyRequest, _ recipe: KeyRecipe
    ) {
        text.removeAll()
        pathEnd = nil
        fault = nil
        metadata.removeAll()
        if request.body != nil, head.method == .query || head.method == .post {
            ContentMetadata.append(of: head, bytes, to: &metadata)
        }
        if recipe.pieces.isEmpty {
            writeTarget(head, bytes, request, recipe.query)
            writeBody(request)
            return
        }
        let pieces = recipe.pieces
        let names = recipe.text
        for index in pieces.indices {
            write(pieces[index], names.span, head, bytes, request, recipe.query)
        }
        if !recipe.spellings.isEmpty, !recipe.spells(head.path, bytes) {
            text.append(" path:")
            text.appendNormalized(bytes, head.path)
        }
        if !recipe.holdsBody { writeBody(request) }
        if !recipe.holdsMethod, head.method != .get, head.method != .head {
            text.append(" method:")
            text.append(bytes.extracting(head.methodRange))
        }
    }

    private mutating func writeBody(_ request: KeyRequest) {
        guard let body = request.body else { return }
        text.append(" body:")
        text.append(body)
        text.append(metadata)
    }

    // MARK: The plain key

    private mutating func writeTarget(
        _ head: borrowing RequestHead, _ bytes: Span<UInt8>, _ request: KeyRequest, _ rule: QueryRule
    ) {
        let method = head.methodRange
        if head.method == .get || head.method == .head {
            text.append("GET ")
        } else {
            text.append(bytes.extracting(method))
            text.append(UInt8(ascii: " "))
        }
        text.append(request.scheme.text)
        text.append("://")
        let authority = Self.authority(head.authority, bytes, request.scheme)
        for index in authority { text.append(bytes[index].lowercased) }
        let path = head.path
        // RFC 3986 §6.2.3: an absolute-form without a path means `/`.
        if path.isEmpty { text.append(UInt8(ascii: "/")) } else { text.appendNormalized(bytes, path) }
        pathEnd = text.count
        guard head.hasQuery else { return }
        query.compose(bytes, head.query, by: rule)
        if query.isPresent {
            text.append(UInt8(ascii: "?"))
            text.append(query.text)
        }
    }

    /// The authority's normal form, but for the case of its letters.
    private static func authority(
        _ authority: ByteRange, _ bytes: Span<UInt8>, _ scheme: URIScheme
    ) -> Range<Int> {
        NormalAuthority.range(authority.lower..<authority.upper, in: bytes, isHTTPS: scheme == .https)
    }

    /// Replaces the query of a text without a template.
    mutating func replaceQuery(_ rule: Span<UInt8>, _ query: Span<UInt8>) {
        guard let pathEnd else { preconditionFailure("only a text without a template has a query to replace") }
        text.removeLast(text.count - pathEnd)
        text.append(" search:")
        text.appendValue(rule, ByteRange(0, rule.count), .none, escape: 0)
        text.append(UInt8(ascii: "?"))
        text.append(query)
    }

    // MARK: Templates

    private static let http = Array("http".utf8)
    private static let https = Array("https".utf8)

    private mutating func write(
        _ piece: KeyRecipe.Piece, _ names: Span<UInt8>, _ head: borrowing RequestHead, _ bytes: Span<UInt8>,
        _ request: KeyRequest, _ rule: QueryRule
    ) {
        let escape = piece.escape
        switch piece.source {
        case .literal:
            text.append(names.extracting(piece.name))
        case .pathParameter(let index, let isRest):
            if isRest, request.match.isMissing(at: index) {
                // `/users` isn't `/users/`: without a default that says otherwise, it has no key of this template's.
                text.append(names.extracting(piece.fallback))
                if piece.fallback.isEmpty { note(.incomplete) }
                return
            }
            text.appendValue(
                bytes, request.match.parameter(at: index), .path, escape: escape, keepsSlashes: isRest)
        case .queryParameter:
            write(RequestValue.queryParameter(names.extracting(piece.name), head, bytes), .query, piece, names, bytes)
        case .header:
            let start = text.count
            let isThere = writeHeader(names.extracting(piece.name), head, bytes, escape)
            if !isThere { text.append(names.extracting(piece.fallback)) }
            if !piece.hasDefault, text.count == start { note(.incomplete) }
        case .cookie:
            write(RequestValue.cookie(names.extracting(piece.name), head, bytes), .none, piece, names, bytes)
        case .method:
            if head.method == .head {
                text.appendValue(UInt8(ascii: "G"), escape: escape)
                text.appendValue(UInt8(ascii: "E"), escape: escape)
                text.appendValue(UInt8(ascii: "T"), escape: escape)
            } else {
                text.appendValue(bytes, head.methodRange, .none, escape: escape)
            }
        case .host:
            let authority = Self.authority(head.authority, bytes, request.scheme)
            for index in authority {
                text.appendValue(bytes[index].lowercased, escape: escape)
            }
            if authority.isEmpty { note(.incomplete) }
        case .scheme:
            let scheme = request.scheme == .https ? Self.https : Self.http
            text.appendValue(scheme.span, ByteRange(0, scheme.count), .none, escape: escape)
        case .path:
            if head.path.isEmpty { text.append(UInt8(ascii: "/")) }
            text.appendValue(bytes, head.path, .path, escape: escape, keepsSlashes: true)
        case .query:
            query.compose(bytes, head.query, by: rule)
            text.appendValue(query.text, escape: escape)
        case .standard:
            writeTarget(head, bytes, request, rule)
            pathEnd = nil
            writeBody(request)
        case .body:
            guard let body = request.body else { return }
            for index in 0..<32 { text.appendValue(body.hexDigit(at: index), escape: escape) }
            text.appendValue(metadata, escape: escape)
        }
    }

    private mutating func write(
        _ found: RequestValue.Found?, _ decoding: ValueDecoding, _ piece: KeyRecipe.Piece, _ names: Span<UInt8>,
        _ bytes: Span<UInt8>
    ) {
        guard let found else {
            text.append(names.extracting(piece.fallback))
            if !piece.hasDefault { note(.incomplete) }
            return
        }
        text.appendValue(bytes, found.value, decoding, escape: piece.escape)
        if found.isRepeated { note(.ambiguous) }
        if found.value.isEmpty, !piece.hasDefault { note(.incomplete) }
    }

    private mutating func note(_ new: KeyFault) { if fault == nil { fault = new } }

    /// Writes all lines of that name as one combined value (RFC 9110 §5.3). False if none is forwarded to the origin: a
    /// field that Connection names is hop-by-hop, so the response can't depend on it and it must not be part of the
    /// key.
    private mutating func writeHeader(
        _ name: Span<UInt8>, _ head: borrowing RequestHead, _ bytes: Span<UInt8>, _ escape: UInt8
    ) -> Bool {
        var isFirst = true
        for field in head.fields where bytes.extracting(field.name).isFieldName(name, takingUnderscores: false) {
            if head.isNamedByConnection(field, in: bytes) { continue }
            if !isFirst {
                text.appendTriplet(UInt8(ascii: ","))
                text.appendTriplet(UInt8(ascii: " "))
            }
            isFirst = false
            text.appendValue(bytes, field.value, .none, escape: escape)
        }
        return !isFirst
    }
}
