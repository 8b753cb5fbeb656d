// `cache.key`: the template of the key text, parsed.

import Bytes

/// A template such as `task:{id|default}`.
package struct KeyTemplate: Sendable, Hashable {
    package enum Piece: Sendable, Hashable {
        /// Stands in the key as it is.
        case literal([UInt8])
        /// `{id}`: a path parameter, else a query parameter, else the default.
        case lookup(name: String, default: String?)
        /// `{path.id}`
        case pathParameter(name: String, default: String?)
        /// `{query.page|1}`
        case queryParameter(name: String, default: String?)
        /// `{header.accept-language}`, the name in lower case.
        case header(name: String, default: String?)
        /// `{cookie.plan}`
        case cookie(name: String, default: String?)
        case method
        case scheme
        case host
        case path
        case query
        case body
        /// `{route}`: the host and the path of the route, as the file has them.
        case route
        /// `{default}`: the text that the key has without a template.
        case standard
    }

    /// Never two literals in a row; at least one piece.
    package let pieces: [Piece]
    /// As written in the file.
    package let text: String

    /// Whether the query is a part of the key, so that it matters how it is taken.
    package var takesQuery: Bool { pieces.contains(.query) || pieces.contains(.standard) }

    /// Whether the request's content has to be read before the key is known.
    package var needsBody: Bool { pieces.contains(.body) }

    /// The cookies that the template names.
    package var cookies: [String] {
        pieces.compactMap { piece in if case .cookie(let name, _) = piece { name } else { nil } }
    }

    /// Whether the template names a request field. A cookie isn't all of `Cookie`.
    /// - Parameter name: in lower case.
    package func names(field name: String) -> Bool {
        pieces.contains { piece in
            switch piece {
            case .header(let header, _): header == name
            case .cookie, .literal, .lookup, .pathParameter, .queryParameter, .method, .scheme, .host, .path,
                .query, .body, .route, .standard:
                false
            }
        }
    }
}

extension KeyTemplate {
    package init(parsing text: String) throws(ValueFault) {
        guard !text.isEmpty else { throw ValueFault("the key template is empty") }
        guard text.utf8.count <= 4096 else { throw ValueFault("the key template is longer than 4096 bytes") }
        let pieces = try templatePieces(
            of: text, called: "the key template",
            takes: { byte throws(ValueFault) in
                guard byte >= 0x20, byte != 0x7f else {
                    throw ValueFault("the key template \(quoted(text)) has a control character")
                }
            }, literal: Piece.literal, reference: KeyTemplate.piece)
        self.init(pieces: pieces, text: text)
    }

    /// The text between two braces.
    private static func piece(_ inside: String) throws(ValueFault) -> Piece {
        let parts = inside.split(separator: "|", maxSplits: 1, omittingEmptySubsequences: false)
        let reference = parts[0]
        let standIn = parts.count == 2 ? String(parts[1]) : nil
        let shown = "{\(inside)}"
        guard !inside.contains("{") else { throw ValueFault("the key template has a nested { in \(quoted(shown))") }
        if let whole = wholes[String(reference)] {
            guard standIn == nil else {
                throw ValueFault("\(quoted(shown)) needs no default", hint: "write {\(reference)}")
            }
            return whole
        }
        guard let dot = reference.firstIndex(of: ".") else {
            guard !reference.isEmpty else { throw ValueFault("the key template has an empty {}") }
            return .lookup(name: String(reference), default: standIn)
        }
        let source = String(reference[..<dot])
        let name = String(reference[reference.index(after: dot)...])
        guard !name.isEmpty else { throw ValueFault("\(quoted(shown)) has no name after the dot") }
        switch source {
        case "path": return .pathParameter(name: name, default: standIn)
        case "query": return .queryParameter(name: name, default: standIn)
        case "header":
            guard name.utf8.allSatisfy(isTokenByte) else {
                throw ValueFault("invalid header name \(quoted(name))")
            }
            return .header(name: String(decoding: name.utf8.map(lowercase), as: UTF8.self), default: standIn)
        case "cookie":
            guard name.utf8.allSatisfy(isTokenByte) else {
                throw ValueFault("invalid cookie name \(quoted(name))")
            }
            return .cookie(name: name, default: standIn)
        default:
            let sources = ["path", "query", "header", "cookie"]
            throw ValueFault(
                "unknown source \(quoted(source)) in \(quoted(shown))",
                hint: nearestName(to: source, among: sources).map { "did you mean \(quoted($0))?" }
                    ?? "use path, query, header or cookie")
        }
    }

    private static let wholes: [String: Piece] = [
        "method": .method, "scheme": .scheme, "host": .host, "path": .path, "query": .query, "body": .body,
        "route": .route, "default": .standard,
    ]
}

/// RFC 9110 §5.6.2.
package func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"),
        UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
        true
    default: byte.isLetter || byte.isDigit
    }
}
