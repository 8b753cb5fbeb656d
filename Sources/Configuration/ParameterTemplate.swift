// Text with parameters of its route's path, as in `product:{id}`: the tags that a route gives to its responses, and the
// targets that its writes invalidate.

/// A template whose only values are path parameters.
package struct ParameterTemplate: Sendable, Hashable {
    package enum Piece: Sendable, Hashable {
        case literal([UInt8])
        /// `{id}` or `{path.id}`
        case parameter(String)
    }

    /// Never two literals in a row; at least one piece.
    package let pieces: [Piece]
    /// As written in the file.
    package let text: String

    package static let longest = 1024

    /// - Parameter what: how messages name it: `the tag`.
    package init(parsing text: String, what: String) throws(ValueFault) {
        guard !text.isEmpty else { throw ValueFault("\(what) is empty") }
        guard text.utf8.count <= Self.longest else {
            throw ValueFault("\(what) is longer than \(Self.longest) bytes")
        }
        let pieces = try templatePieces(
            of: text, called: what,
            takes: { byte throws(ValueFault) in
                guard (0x21..<0x7f).contains(byte) else {
                    throw ValueFault(
                        "\(what) \(quoted(text)) has a character that is not printable ASCII",
                        hint: "write it percent-encoded")
                }
            }, literal: Piece.literal,
            reference: { inside throws(ValueFault) in .parameter(try Self.name(inside)) })
        self.init(pieces: pieces, text: text)
    }

    private init(pieces: [Piece], text: String) {
        self.pieces = pieces
        self.text = text
    }

    /// The parameters that it names.
    package var names: [String] {
        pieces.compactMap { piece in if case .parameter(let name) = piece { name } else { nil } }
    }

    /// The text between two braces.
    private static func name(_ inside: String) throws(ValueFault) -> String {
        let name = inside.hasPrefix("path.") ? String(inside.dropFirst(5)) : inside
        let isName =
            !name.isEmpty
            && name.utf8.allSatisfy {
                $0.isLetter || $0.isDigit || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
            }
        guard isName else {
            throw ValueFault("\(quoted("{\(inside)}")) is not a path parameter", hint: "only {name} can be used here")
        }
        return name
    }

    /// Without the `*` at its end.
    fileprivate func withoutLast() -> ParameterTemplate {
        var pieces = self.pieces
        if case .literal(let bytes) = pieces[pieces.count - 1] {
            pieces.removeLast()
            if bytes.count > 1 { pieces.append(.literal(Array(bytes.dropLast()))) }
        }
        return ParameterTemplate(pieces: pieces, text: text)
    }
}

extension ParameterTemplate {
    /// A tag: it must be one in `Cache-Tag`, whose tags are separated by commas.
    package init(tag text: String) throws(ValueFault) {
        if text.contains(",") || text.contains(" ") {
            throw ValueFault("the tag \(quoted(text)) has a comma or a space", hint: "list each tag by itself: [a, b]")
        }
        try self.init(parsing: text, what: "the tag")
    }
}

/// An entry of `cache.invalidates`: a path with or without a query, on the host of the request.
package struct InvalidatedTarget: Sendable, Hashable {
    /// Without the `*`.
    package let template: ParameterTemplate
    /// Whether everything is meant that begins with it.
    package let isPrefix: Bool
    /// As written in the file.
    package var text: String { template.text }

    package init(parsing text: String) throws(ValueFault) {
        if text.contains("://") {
            let path = text.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: true).dropFirst(2).first
            throw ValueFault(
                "\(quoted(text)) is a URL",
                hint: "write the path alone, \(quoted("/" + (path ?? ""))): the host is the request's")
        }
        guard text.hasPrefix("/") else {
            throw ValueFault("\(quoted(text)) must start with a slash", hint: "write \(quoted("/" + text))")
        }
        guard !text.contains("#") else {
            throw ValueFault("\(quoted(text)) has a #", hint: "fragments are never part of a request")
        }
        guard !text.dropLast().contains("*") else {
            throw ValueFault(
                "\(quoted(text)) has a * that isn't at its end",
                hint: "only a last * is allowed: it stands for any rest")
        }
        let template = try ParameterTemplate(parsing: text, what: "the target")
        isPrefix = text.hasSuffix("*")
        self.template = isPrefix ? template.withoutLast() : template
    }

    /// Whether text follows the `?` of a prefix.
    package var isPrefixWithinQuery: Bool {
        guard isPrefix, let mark = text.firstIndex(of: "?") else { return false }
        return text.index(mark, offsetBy: 2) < text.endIndex
    }
}
