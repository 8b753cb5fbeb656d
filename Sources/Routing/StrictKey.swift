// `cache.strict`: of a request whose answer may be stored, the origin gets only what the route's key names, so that
// nothing else can change what others are then answered with (cache poisoning).
//
// Of a query parameter or a cookie that is there several times the key holds the first, so the first alone goes on: an
// origin that reads the last would answer by what no key says. `{query}` lets through the pairs that `cache.query`,
// `query_allow` and `query_deny` leave in it.
//
// Beside what is named, fields go on that can't make a stored answer wrong for another client:
// - Accept, Accept-Encoding and Accept-Language, since an answer that depends on them says so by Vary (RFC 9110 §12.5.5)
//   and is stored apart. An origin that answers by them without Vary needs them named in the key.
// - Cache-Control and Pragma, which say how old an answer may be, not which it is.
// - conditions and Range: a fetch that is to be stored is sent without conditions, and a part is stored as a part.
// - Authorization, since what it brings is stored only if the origin itself says that it is everybody's (RFC 9111 §3.5);
//   not where `cache.allow_authorization` stores it anyway.
// - what describes the content, where the content is part of the key: the content means nothing without.
// What Larder writes itself passes too: Host, Via, Forwarded and X-Forwarded-*. An origin whose answers depend on Host
// needs `{host}` in the key, or `host: upstream`.

import Bytes
import Configuration
import HTTPSemantics
import HTTPWire

/// What a strict route lets through, prepared when the table is built.
struct StrictKey: Sendable {
    /// Names of query parameters and cookies, decoded.
    private var parameters: [[UInt8]] = []
    private var cookies: [[UInt8]] = []
    private var takesQuery = false
    /// The part that is the same for all requests.
    private var fields: RequestSelection

    private static let safe = FieldSet.conditionals.union([
        .accept, .acceptEncoding, .acceptLanguage, .cacheControl, .pragma,
    ])
    private static let describingContent: FieldSet = [.contentType, .contentEncoding, .contentLanguage]

    /// Nil unless the route is strict.
    /// - Parameters:
    ///   - pieces: of the route's recipe.
    ///   - text: that the pieces' names are ranges of.
    init?(_ settings: CacheSettings?, pieces: [KeyRecipe.Piece], text: [UInt8]) {
        guard let settings, settings.isStrict, !pieces.isEmpty else { return nil }
        fields = RequestSelection(fields: Self.safe)
        if !settings.allowAuthorization { fields.fields.insert(.authorization) }
        for piece in pieces {
            let name = Array(text[piece.name])
            switch piece.source {
            case .literal, .pathParameter, .method, .host, .path: continue
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
        if head.hasQuery, takesQuery || !parameters.isEmpty { selection.query = query(of: head, bytes, rule) }
        if !cookies.isEmpty, head.contains(.cookie), !selection.fields.contains(.cookie) {
            selection.cookies = cookies(of: head, bytes)
        }
        return selection
    }

    // MARK: The query

    /// The pairs that go on, as they stand and in their order; nil where there are none.
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
            if end > start, goesOn(bytes, name, &isSeen, rule) {
                if !text.isEmpty { text.append(UInt8(ascii: "&")) }
                for index in start..<end { text.append(bytes[index]) }
            }
            start = end + 1
        }
        return text.isEmpty ? nil : text
    }

    private func goesOn(_ bytes: Span<UInt8>, _ name: ByteRange, _ isSeen: inout [Bool], _ rule: QueryRule) -> Bool {
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
            guard let value = RequestValue.cookie(name.span, head, bytes) else { continue }
            if !text.isEmpty { text += "; ".utf8 }
            text += name
            text.append(UInt8(ascii: "="))
            for place in value.lower..<value.upper { text.append(bytes[place]) }
        }
        return text
    }
}

extension KeyRecipe {
    /// What alone of a request may reach the origin if the answer may be stored; nil where all of it may.
    package func selection(of head: borrowing RequestHead, in bytes: Span<UInt8>) -> RequestSelection? {
        strict?.selection(of: head, in: bytes, by: query)
    }
}
