// How a route's key texts are composed, compiled when the table is built so that a request only has to follow it.
//
// No value can forge another key. Values are percent-encoded: only unreserved characters (RFC 3986 §2.3) stay literal,
// and slashes in `{path}` and `{name...}`. So the first character of the text after a value marks its end
// unambiguously, unless values can contain that character. If they can, because it is unreserved as in `{a}-{b}`, the
// value before it encodes that character as well. If that doesn't help (`{a}{b}`, a text that starts with `%`, a slash
// after a value with slashes), a `|`, which no value contains, is inserted.

import Bytes
import Configuration
import HTTPSemantics

/// A class, so that passing it to a composer retains one reference and copies nothing.
package final class KeyRecipe: Sendable {
    struct Piece: Sendable {
        enum Source: Sendable {
            /// Literal text.
            case literal
            case pathParameter(index: Int, isRest: Bool)
            case queryParameter
            case header
            case cookie
            case method
            case scheme
            case host
            case path
            case query
            case body
            /// The whole text that the key has without a template.
            case standard
        }

        var source: Source
        /// The literal, or the parameter's name, in the recipe's text.
        var name = 0..<0
        /// The encoded default, used if the request has no such value; empty without one.
        var fallback = 0..<0
        /// Whether there is one, be it empty.
        var hasDefault = false
        /// An unreserved character that is encoded too; 0 for none, as NUL is encoded anyway.
        var escape: UInt8 = 0
    }

    /// Which part of the query is in the key.
    let query: QueryRule
    /// Empty: the key is method, scheme, authority, path and query.
    let pieces: [Piece]
    /// Names, literals and defaults of the pieces.
    let text: [UInt8]
    /// Whether the template contains the content. (Without a template it is always part of the key if the method has
    /// content.)
    package let needsBody: Bool
    /// Whether the template contains the method, and the content of every method that has some. What it doesn't contain is
    /// added: no response to one method is ever another's.
    let holdsMethod: Bool
    let holdsBody: Bool
    /// The literals of each of the route's paths, by their place in it, where a request can spell one of them in ways which are
    /// not equivalent (`/a:b`, `/a%3Ab`); empty if the template tells them apart.
    let spellings: [[(place: Int, text: [UInt8])]]
    /// The fields that tell who sends a request, other than those that the key names.
    package let credentials: CredentialFields
    /// Requests without any of these have no credentials.
    package let credentialHint: FieldSet
    package let keysAuthorization: Bool
    /// Whether content is read as GraphQL: see ``readsContent(of:_:_:)``.
    package let isGraphQL: Bool
    /// Which parts of a request are forwarded, on a strict route.
    let strict: StrictKey?
    /// Whether only the target selects the response: fields and content are neither part of the key nor withheld from
    /// the origin.
    package let isMadeOfTarget: Bool

    init(_ route: Route) {
        query = QueryRule(route.cache)
        needsBody = route.cache?.key?.needsBody ?? false
        var compiler = KeyTemplateCompiler(route)
        compiler.compile(route.cache?.key?.pieces ?? [])
        pieces = compiler.pieces
        text = compiler.text
        let strict = StrictKey(route.cache, pieces: compiler.pieces, text: compiler.text)
        self.strict = strict
        let template = route.cache?.key?.pieces ?? []
        holdsMethod = template.isEmpty || template.contains(.method) || template.contains(.standard)
        holdsBody = template.isEmpty || template.contains(.body) || template.contains(.standard)
        let holdsPath = template.isEmpty || template.contains(.path) || template.contains(.standard)
        spellings = holdsPath ? [] : Self.spellings(of: route.paths)
        let credentials = CredentialFields(route.cache, route.request)
        self.credentials = credentials
        credentialHint = credentials.hint
        keysAuthorization = credentials.keysAuthorization
        isGraphQL = route.cache?.isGraphQL ?? false
        isMadeOfTarget = strict == nil && compiler.pieces.allSatisfy(\.source.isTarget)
    }

    /// Whether the key text contains scheme, authority and path.
    package var isStandard: Bool { pieces.isEmpty }

    /// Whether the key text contains the query of the target, so that a response can say which parts of it matter
    /// (No-Vary-Search).
    package var holdsQuery: Bool { pieces.isEmpty && query.mode != .ignore }
}

extension KeyRecipe {
    private static func spellings(of paths: [PathPattern]) -> [[(place: Int, text: [UInt8])]] {
        let all = paths.map { path in
            path.segments.enumerated().compactMap { place, segment -> (place: Int, text: [UInt8])? in
                if case .literal(let text) = segment { (place, Array(text.utf8)) } else { nil }
            }
        }
        return all.joined().allSatisfy { $0.text.allSatisfy(\.isUnreserved) } ? [] : all
    }

    /// Whether the path of a request, which matches the route, has the literals of one of its paths as the route has them.
    func spells(_ path: ByteRange, _ bytes: Span<UInt8>) -> Bool {
        spellings.contains { literals in
            var place = 0
            var start = min(path.lower + 1, path.upper)
            for literal in literals {
                while place < literal.place {
                    let slash = Scan.first(UInt8(ascii: "/"), in: bytes, from: start, to: path.upper)
                    guard slash < path.upper else { return false }
                    start = slash + 1
                    place += 1
                }
                let end = Scan.first(UInt8(ascii: "/"), in: bytes, from: start, to: path.upper)
                let segment = ByteRange(start, end)
                let sent = NormalTarget.form(of: bytes, in: segment) ?? bytes.extracting(segment).copied()
                guard sent == literal.text else { return false }
            }
            return true
        }
    }
}

/// `cache.query`, `cache.query_allow` and `cache.query_deny` of a route.
struct QueryRule: Sendable {
    let mode: CacheSettings.Query
    let allow: GlobList?
    let deny: GlobList?

    init(_ settings: CacheSettings?) {
        mode = settings?.query ?? .sorted
        allow = settings?.queryAllow.map { GlobList($0) }
        deny = settings.flatMap { $0.queryDeny.isEmpty ? nil : GlobList($0.queryDeny) }
    }

    var takesAll: Bool { allow == nil && deny == nil }
}

/// Compiles the pieces of a template into those of a recipe.
private struct KeyTemplateCompiler {
    let route: Route
    let parameterNames: [String]
    /// What `{route}` stands for: no two routes have it in common.
    let name: String
    var pieces: [KeyRecipe.Piece] = []
    var text: [UInt8] = []

    init(_ route: Route) {
        self.route = route
        parameterNames = route.parameterNames
        name = route.match.text
    }

    mutating func compile(_ template: [KeyTemplate.Piece]) {
        for (index, piece) in template.enumerated() {
            if case .literal(let literal) = piece {
                pieces.append(KeyRecipe.Piece(source: .literal, name: store(literal)))
                continue
            }
            if piece == .standard {
                pieces.append(KeyRecipe.Piece(source: .standard))
                // No target contains a space.
                if index + 1 < template.count {
                    pieces.append(KeyRecipe.Piece(source: .literal, name: store([UInt8(ascii: " ")])))
                }
                continue
            }
            if piece == .route {
                appendName(rest: template[(index + 1)...])
                continue
            }
            var (compiled, fallback) = value(piece)
            let boundary = boundary(behind: compiled.source, rest: template[(index + 1)...])
            if case .escape(let byte) = boundary { compiled.escape = byte }
            compiled.hasDefault = fallback != nil
            compiled.fallback = store(encode(fallback ?? "", escape: compiled.escape))
            pieces.append(compiled)
            if case .separator = boundary {
                pieces.append(KeyRecipe.Piece(source: .literal, name: store([UInt8(ascii: "|")])))
            }
        }
    }

    /// Always the same text, with slashes, delimited as a value.
    private mutating func appendName(rest: ArraySlice<KeyTemplate.Piece>) {
        let boundary = boundary(behind: .path, rest: rest)
        var escape: UInt8 = 0
        if case .escape(let byte) = boundary { escape = byte }
        let encoded = name.split(separator: "/", omittingEmptySubsequences: false).map {
            encode(String($0), escape: escape)
        }
        pieces.append(
            KeyRecipe.Piece(source: .literal, name: store(Array(encoded.joined(separator: [UInt8(ascii: "/")])))))
        if case .separator = boundary {
            pieces.append(KeyRecipe.Piece(source: .literal, name: store([UInt8(ascii: "|")])))
        }
    }

    private enum Boundary {
        case clear
        case escape(UInt8)
        case separator
    }

    private func boundary(
        behind source: KeyRecipe.Piece.Source, rest: ArraySlice<KeyTemplate.Piece>
    ) -> Boundary {
        guard let next = rest.first else { return .clear }
        guard case .literal(let literal) = next, let first = literal.first else { return .separator }
        // The last value extends to the text at the end, whose length is fixed.
        guard rest.count > 1 else { return .clear }
        if first == UInt8(ascii: "%") { return .separator }
        if first.isUnreserved { return .escape(first) }
        return first == UInt8(ascii: "/") && source.holdsSlashes ? .separator : .clear
    }

    private mutating func value(_ piece: KeyTemplate.Piece) -> (KeyRecipe.Piece, fallback: String?) {
        switch piece {
        case .literal, .standard, .route: preconditionFailure("the caller compiles these")
        case .lookup(let name, let fallback):
            // The query matters only if the paths capture no such name.
            if let source = parameter(name) { return (KeyRecipe.Piece(source: source), fallback) }
            return (KeyRecipe.Piece(source: .queryParameter, name: store(Array(name.utf8))), fallback)
        case .pathParameter(let name, let fallback):
            if let source = parameter(name) { return (KeyRecipe.Piece(source: source), fallback) }
            // Configuration checks reject this case; its value would always be the default.
            return (KeyRecipe.Piece(source: .literal, name: store(encode(fallback ?? "", escape: 0))), fallback)
        case .queryParameter(let name, let fallback):
            return (KeyRecipe.Piece(source: .queryParameter, name: store(Array(name.utf8))), fallback)
        case .header(let name, let fallback):
            let lowercased = name.utf8.map(\.lowercased)
            return (KeyRecipe.Piece(source: .header, name: store(lowercased)), fallback)
        case .cookie(let name, let fallback):
            return (KeyRecipe.Piece(source: .cookie, name: store(Array(name.utf8))), fallback)
        case .method: return (KeyRecipe.Piece(source: .method), nil)
        case .scheme: return (KeyRecipe.Piece(source: .scheme), nil)
        case .host: return (KeyRecipe.Piece(source: .host), nil)
        case .path: return (KeyRecipe.Piece(source: .path), nil)
        case .query: return (KeyRecipe.Piece(source: .query), nil)
        case .body: return (KeyRecipe.Piece(source: .body), nil)
        }
    }

    private func parameter(_ name: String) -> KeyRecipe.Piece.Source? {
        guard let index = parameterNames.firstIndex(of: name) else { return nil }
        return .pathParameter(index: index, isRest: route.takesRest(name))
    }

    private mutating func store(_ bytes: [UInt8]) -> Range<Int> {
        text += bytes
        return text.count - bytes.count..<text.count
    }

    /// A default is encoded like the value that it replaces.
    private func encode(_ value: String, escape: UInt8) -> [UInt8] {
        value.utf8.flatMap { byte -> [UInt8] in
            if byte.isUnreserved, byte != escape { return [byte] }
            return [UInt8(ascii: "%"), (byte >> 4).capitalHexDigit, (byte & 15).capitalHexDigit]
        }
    }
}

extension KeyRecipe.Piece.Source {
    fileprivate var isTarget: Bool {
        switch self {
        case .literal, .pathParameter, .queryParameter, .method, .scheme, .host, .path, .query, .standard: true
        case .header, .cookie, .body: false
        }
    }

    fileprivate var holdsSlashes: Bool {
        switch self {
        case .pathParameter(_, let isRest): isRest
        case .path: true
        case .literal, .queryParameter, .header, .cookie, .method, .scheme, .host, .query, .body, .standard: false
        }
    }
}
