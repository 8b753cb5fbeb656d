// `cache.strict`: if the response may be stored, only the parts of the request that the route's key contains are
// forwarded, so that nothing else can influence what other clients are served (cache poisoning).
//
// The key contains the first of several query parameters or cookies of one name, so only the first is forwarded:
// otherwise an origin that reads the last one would use a value that the key doesn't contain. `{query}` forwards the
// pairs that `cache.query`, `query_allow` and `query_deny` leave in it.
//
// In addition, fields are forwarded that can't make a stored response wrong for another client:
// - Accept, Accept-Encoding and Accept-Language, since a response that depends on them says so in Vary (RFC 9110
//   §12.5.5) and is stored as a variant. An origin that uses them without Vary needs them in the key.
// - Cache-Control and Pragma, which limit the age of a response, but don't select it.
// - conditions and Range: a request whose response is to be stored is sent without conditions, and partial content is
//   stored as such.
// - Authorization, since such a response is stored only if the origin explicitly allows sharing it (RFC 9111 §3.5); not
//   if `cache.allow_authorization` stores it anyway.
// - fields that describe the content, if the content is part of the key: it can't be interpreted without them.
// Fields that Larder generates are sent too: Host, Via, Forwarded and X-Forwarded-*. An origin whose responses depend
// on Host needs `{host}` in the key, or `host: upstream`.

import Bytes
import Configuration
import HTTPSemantics
import HTTPWire

/// What a strict route forwards, compiled when the table is built.
struct StrictKey: Sendable {
    /// Names of query parameters and cookies, decoded.
    private var parameters: [[UInt8]] = []
    private var cookies: [[UInt8]] = []
    private var takesQuery = false
    /// The part of the selection that is the same for all requests.
    private var fields: RequestSelection

    private static let safe = FieldSet.conditionals.union([
        .accept, .acceptEncoding, .acceptLanguage, .cacheControl, .pragma,
    ])
    private static let describingContent: FieldSet = [.contentType, .contentEncoding, .contentLanguage]

    /// Nil unless the route is strict.
    /// - Parameters:
    ///   - pieces: of the route's recipe.
    ///   - text: the text that the pieces' names are ranges of.
    init?(_ settings: CacheSettings?, pieces: [KeyRecipe.Piece], text: [UInt8]) {
        guard let settings, settings.isStrict, !pieces.isEmpty else { return nil }
        fields = RequestSelection(fields: Self.safe)
        if !settings.allowAuthorization { fields.fields.insert(.authorization) }
        for piece in pieces {
            let name = Array(text[piece.name])
            switch piece.source {
            case .literal, .pathParameter, .method, .scheme, .host, .path: continue
            case .standard: takesQuery = true
            case .queryParameter: parameters.append(name)
            case .query: takesQuery = true
            case .cookie: cookies.append(name)
            case .body: fields.fields = fields.fields.union(Self.describingContent)
            case .header:
                let known = FieldName.recognise(name.span)
                if known == .other { fields.otherFields.append(name) } else { fields.fields.insert(known) }
            }
        }
    }

    func selection(of head: borrowing RequestHead, in bytes: Span<UInt8>, by rule: QueryRule) -> RequestSelection {
        var selection = fields
        // Its content is part of the key, whatever the template says.
        if head.method == .post || head.method == .query {
            selection.fields = selection.fields.union(Self.describingContent)
        }
        if head.hasQuery, takesQuery || !parameters.isEmpty { selection.query = query(of: head, bytes, rule) }
        if !cookies.isEmpty, head.contains(.cookie), !selection.fields.contains(.cookie) {
            selection.cookies = cookies(of: head, bytes)
        }
        return selection
    }

    // MARK: The query

    /// The pairs that are forwarded, in order and in the key's form; nil if there are none.
    private func query(of head: borrowing RequestHead, _ bytes: Span<UInt8>, _ rule: QueryRule) -> [UInt8]? {
        var text: [UInt8] = []
        var isSeen = [Bool](repeating: false, count: parameters.count)
        var start = head.query.lower
        while start < head.query.upper {
            var end = start
            var nameEnd = -1
            while end < head.query.upper, bytes[end] != UInt8(ascii: "&") {
                if nameEnd < 0, bytes[end] == UInt8(ascii: "=") { nameEnd = end }
                end += 1
            }
            let name = ByteRange(start, nameEnd < 0 ? end : nameEnd)
            if end > start, isForwarded(bytes, name, &isSeen, rule) {
                if !text.isEmpty { text.append(UInt8(ascii: "&")) }
                for index in start..<end { text.append(bytes[index]) }
            }
            start = end + 1
        }
        if text.isEmpty { return nil }
        guard rule.mode != .exact else { return text }
        return NormalTarget.form(of: text.span, in: ByteRange(0, text.count)) ?? text
    }

    private func isForwarded(_ bytes: Span<UInt8>, _ name: ByteRange, _ isSeen: inout [Bool], _ rule: QueryRule) -> Bool
    {
        var isFirst = false
        for index in parameters.indices where !isSeen[index] && isNamed(bytes, name, parameters[index]) {
            isSeen[index] = true
            isFirst = true
        }
        return isFirst || takesQuery && rule.mode != .ignore && rule.takes(bytes, name)
    }

    private func isNamed(_ bytes: Span<UInt8>, _ range: ByteRange, _ name: [UInt8]) -> Bool {
        var place = 0
        var index = range.lower
        while index < range.upper {
            let byte = PercentEncoding.formDecodedByte(bytes, at: &index, end: range.upper)
            guard place < name.count, name[place] == byte else { return false }
            place += 1
        }
        return place == name.count
    }

    // MARK: Cookies

    private func cookies(of head: borrowing RequestHead, _ bytes: Span<UInt8>) -> [UInt8] {
        var text: [UInt8] = []
        for (index, name) in cookies.enumerated() where cookies.firstIndex(of: name) == index {
            guard let value = RequestValue.cookie(name.span, head, bytes)?.value else { continue }
            if !text.isEmpty { text += "; ".utf8 }
            text += name
            text.append(UInt8(ascii: "="))
            for place in value.lower..<value.upper { text.append(bytes[place]) }
        }
        return text
    }
}

extension KeyRecipe {
    /// The parts of a request that may be forwarded if the response may be stored; nil if all may.
    package func selection(of head: borrowing RequestHead, in bytes: Span<UInt8>) -> RequestSelection? {
        strict?.selection(of: head, in: bytes, by: query)
    }
}
