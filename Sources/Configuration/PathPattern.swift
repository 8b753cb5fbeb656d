// The path of a route, taken apart: literal segments, `{name}`, and a last `{name...}`.

import Bytes

/// `/tasks/{id}` and the like. `/` is one empty literal segment, `/tasks/` a literal and an empty one: a slash at the
/// end is a segment of its own.
package struct PathPattern: Sendable, Hashable {
    package enum Segment: Sendable, Hashable {
        /// Normalised as request paths are: unreserved characters plain, others percent-encoded in upper case.
        case literal(String)
        /// Exactly one segment that is not empty.
        case parameter(String)
        /// All the rest, slashes included; may be empty, or missing together with the slash before it. Only the last segment.
        case rest(String)
    }

    /// At least one.
    package let segments: [Segment]

    /// `/{rest...}`
    package static let everything = PathPattern(segments: [.rest("rest")])

    /// What a match has room for.
    package static let parameterLimit = 8

    package var parameterNames: [String] {
        segments.compactMap {
            switch $0 {
            case .literal: nil
            case .parameter(let name), .rest(let name): name
            }
        }
    }
}

extension PathPattern {
    /// Whether the parameter is `{name...}`.
    package func takesRest(_ name: String) -> Bool { segments.last == .rest(name) }

    /// Whether every path of this pattern begins with the segments of `prefix`.
    package func begins(with prefix: PathPattern) -> Bool { segments.starts(with: prefix.segments) }
}

extension PathPattern: CustomStringConvertible {
    package init(parsing text: String) throws(ValueFault) {
        guard text.hasPrefix("/") else {
            throw ValueFault(
                "the path \(quoted(text)) must start with a slash", hint: "write \(quoted("/" + text))")
        }
        guard text.utf8.count <= 4096 else { throw ValueFault("the path is longer than 4096 bytes") }
        guard !text.contains("?"), !text.contains("#") else {
            throw ValueFault(
                "the path \(quoted(text)) has a ? or #",
                hint: "a route matches the path only; the query is part of the key")
        }
        let parts = text.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        var segments: [Segment] = []
        var names: Set<String> = []
        for (index, part) in parts.enumerated() {
            let isLast = index == parts.count - 1
            let segment = try PathPattern.segment(part, isLast: isLast, of: text)
            switch segment {
            case .literal: break
            case .parameter(let name), .rest(let name):
                guard names.insert(name).inserted else {
                    throw ValueFault("the path \(quoted(text)) has two parameters named \(quoted(name))")
                }
                guard names.count <= PathPattern.parameterLimit else {
                    throw ValueFault("the path \(quoted(text)) has more than \(PathPattern.parameterLimit) parameters")
                }
            }
            segments.append(segment)
        }
        self.init(segments: segments)
    }

    private static func segment(
        _ part: Substring, isLast: Bool, of text: String
    ) throws(ValueFault) -> Segment {
        guard part.contains("{") || part.contains("}") else {
            guard !part.isEmpty || isLast else { throw ValueFault("the path \(quoted(text)) has an empty segment") }
            guard let normal = normalizedSegment(part) else {
                throw ValueFault(
                    "the path \(quoted(text)) has an invalid percent-encoding",
                    hint: "write a literal % as %25")
            }
            guard normal != ".", normal != ".." else {
                throw ValueFault(
                    "the path \(quoted(text)) has a \(quoted(normal)) segment",
                    hint: "requests with dot segments are rejected")
            }
            return .literal(normal)
        }
        guard part.hasPrefix("{"), part.hasSuffix("}"), part.count >= 2 else {
            throw ValueFault(
                "invalid segment \(quoted(part))",
                hint: "a parameter must be a whole segment, as in /tasks/{id}")
        }
        var name = part.dropFirst().dropLast()
        let isRest = name.hasSuffix("...")
        if isRest { name = name.dropLast(3) }
        guard isParameterName(name) else {
            throw ValueFault(
                "invalid parameter name in \(quoted(part))",
                hint: "use letters, digits, _ and -, starting with a letter or _")
        }
        guard isRest else { return .parameter(String(name)) }
        guard isLast else {
            throw ValueFault(
                "\(quoted(part)) matches the rest of the path, so it must be the last segment",
                hint: "move it to the end, or write {\(name)} for one segment")
        }
        return .rest(String(name))
    }

    package var description: String {
        segments.map {
            switch $0 {
            case .literal(let text): "/\(text)"
            case .parameter(let name): "/{\(name)}"
            case .rest(let name): "/{\(name)...}"
            }
        }.joined()
    }

    /// Equal for two patterns that match the same paths: the names of parameters don't tell routes apart.
    package var shape: String {
        segments.map {
            switch $0 {
            case .literal(let text): "/\(text)"
            case .parameter: "/{}"
            case .rest: "/{...}"
            }
        }.joined()
    }
}

func isParameterName(_ name: Substring) -> Bool {
    guard let first = name.utf8.first, first.isLetter || first == UInt8(ascii: "_") else { return false }
    return name.utf8.allSatisfy {
        $0.isLetter || $0.isDigit || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
    }
}
