// `rewrite`: the path that an upstream is asked for, made of the parameters of the route's path.

import Bytes

/// A template such as `/v2/{rest}`. The query isn't part of it: it goes along.
package struct PathTemplate: Sendable, Hashable {
    package enum Piece: Sendable, Hashable {
        /// Percent-encoded; without slashes.
        case literal(String)
        /// A parameter of each of the route's paths.
        case parameter(String)
    }

    /// What stands between the slashes; at least one, and only the last may be empty.
    package let segments: [[Piece]]
    /// As written in the file.
    package let text: String

    /// Each stands for a value of the client's, which may fill a request line.
    private static let parameterBound = 16

    /// The parameters, in order.
    package var parameterNames: [String] {
        segments.flatMap { $0 }.compactMap { piece in if case .parameter(let name) = piece { name } else { nil } }
    }

    /// Whether the parameter is all of the last segment wherever it stands: one that takes the rest of a path may be empty.
    package func isLast(_ name: String) -> Bool {
        segments.dropLast().allSatisfy { !$0.contains(.parameter(name)) }
            && (segments.last == [.parameter(name)] || segments.last?.contains(.parameter(name)) != true)
    }
}

extension PathTemplate {
    package init(parsing text: String) throws(ValueFault) {
        guard text.hasPrefix("/") else {
            throw ValueFault(
                "the path \(quoted(text)) must start with a slash",
                hint: text.contains("://") ? "only the path is rewritten" : "write \(quoted("/" + text))")
        }
        guard text.utf8.count <= 4096 else { throw ValueFault("the path is longer than 4096 bytes") }
        guard !text.contains("?"), !text.contains("#") else {
            throw ValueFault("the path \(quoted(text)) has a ? or #", hint: "the client's query goes along as it is")
        }
        if text.contains("$") || text.contains("\\1") {
            throw ValueFault(
                "\(quoted(text)) looks like the replacement of a regular expression",
                hint: "write {name} for a parameter of the route's path")
        }
        let parts = text.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        var segments: [[Piece]] = []
        for (index, part) in parts.enumerated() {
            guard !part.isEmpty || index == parts.count - 1 else {
                throw ValueFault("the path \(quoted(text)) has an empty segment")
            }
            segments.append(try PathTemplate.pieces(part, of: text))
        }
        self.init(segments: segments, text: text)
        guard parameterNames.count <= Self.parameterBound else {
            throw ValueFault("the path \(quoted(text)) has more than \(Self.parameterBound) parameters")
        }
    }

    private static func pieces(_ part: Substring, of text: String) throws(ValueFault) -> [Piece] {
        var pieces: [Piece] = []
        var rest = part
        while !rest.isEmpty {
            let literal = rest.prefix { $0 != "{" && $0 != "}" }
            if !literal.isEmpty {
                guard let normal = normalizedSegment(literal) else {
                    throw ValueFault(
                        "the path \(quoted(text)) has an invalid percent-encoding", hint: "write a literal % as %25")
                }
                pieces.append(.literal(normal))
            }
            rest = rest.dropFirst(literal.count)
            guard !rest.isEmpty else { break }
            guard rest.first == "{", let end = rest.firstIndex(of: "}") else {
                throw ValueFault("the path \(quoted(text)) has an unpaired brace")
            }
            pieces.append(.parameter(try parameterName(rest[rest.index(after: rest.startIndex)..<end])))
            rest = rest[rest.index(after: end)...]
        }
        if case .literal(let dots)? = pieces.first, pieces.count == 1, dots == "." || dots == ".." {
            throw ValueFault("the path \(quoted(text)) has a \(quoted(dots)) segment")
        }
        return pieces
    }

    /// The text between two braces, where it names a parameter.
    static func parameterName(_ inside: Substring) throws(ValueFault) -> String {
        let name = inside.hasPrefix("path.") ? inside.dropFirst("path.".count) : inside
        guard !name.hasSuffix("...") else {
            throw ValueFault(
                "\(quoted("{\(inside)}")) is for the route's path", hint: "write {\(name.dropLast(3))} here")
        }
        guard !name.contains("|") else {
            throw ValueFault(
                "\(quoted("{\(inside)}")) has a default, and a parameter of the path always has a value",
                hint: "write {\(name.prefix { $0 != "|" })}")
        }
        guard isParameterName(name) else {
            throw ValueFault(
                "\(quoted("{\(inside)}")) is not a parameter of a path", hint: "write {name} for one that the route has"
            )
        }
        return String(name)
    }
}

extension PathTemplate: CustomStringConvertible {
    package var description: String {
        segments.map { pieces in
            "/"
                + pieces.map { piece in
                    switch piece {
                    case .literal(let text): text
                    case .parameter(let name): "{\(name)}"
                    }
                }.joined()
        }.joined()
    }
}
