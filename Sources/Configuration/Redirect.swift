// `redirect` of a route: where clients are sent.

import Bytes

/// A response without content whose `Location` is made for each request.
package struct Redirect: Sendable, Hashable {
    package enum Piece: Sendable, Hashable {
        /// Characters of a URI.
        case literal(String)
        /// A parameter of each of the route's paths.
        case parameter(String)
        /// `{host}`: without the port.
        case host
        /// `{path}`: the client's.
        case path
        /// `{query}`: without its `?`. A `?` or `&` before it is left out where the request has no query.
        case query
    }

    /// At least one; never two literals in a row.
    package var pieces: [Piece]
    /// As written in the file.
    package var text: String
    /// Keeps the method and the content (RFC 9110 §15.4.9), and is the one for good.
    package var status = 308

    package static let statuses = [301, 302, 303, 307, 308]

    /// The parameters, in order.
    package var parameterNames: [String] {
        pieces.compactMap { piece in if case .parameter(let name) = piece { name } else { nil } }
    }

    private static let parameterBound = 16
}

extension Redirect {
    package init(to text: String) throws(ValueFault) {
        guard text.utf8.count <= 4096 else { throw ValueFault("the target is longer than 4096 bytes") }
        var pieces: [Piece] = []
        var rest = text[...]
        while !rest.isEmpty {
            let literal = rest.prefix { $0 != "{" && $0 != "}" }
            if !literal.isEmpty { pieces.append(.literal(try Redirect.uriText(literal, of: text))) }
            rest = rest.dropFirst(literal.count)
            guard !rest.isEmpty else { break }
            guard rest.first == "{", let end = rest.firstIndex(of: "}") else {
                throw ValueFault("the target \(quoted(text)) has an unpaired brace")
            }
            let name = rest[rest.index(after: rest.startIndex)..<end]
            switch name {
            case "host": pieces.append(.host)
            case "path": pieces.append(.path)
            case "query": pieces.append(.query)
            case "uri", "request_uri":
                throw ValueFault("unknown parameter \(quoted("{\(name)}"))", hint: "write {path}?{query}")
            default: pieces.append(.parameter(try PathTemplate.parameterName(name)))
            }
            rest = rest[rest.index(after: end)...]
        }
        self.init(pieces: pieces, text: text)
        guard pieces.count <= 2 * Self.parameterBound else {
            throw ValueFault("the target \(quoted(text)) has more than \(Self.parameterBound) parameters")
        }
        try checkBeginning()
        for (piece, next) in zip(pieces, pieces.dropFirst()) where next == .path {
            if case .literal(let literal) = piece, literal.hasSuffix("/") {
                throw ValueFault(
                    "{path} begins with a slash, and there is one before it in \(quoted(text))",
                    hint: "remove one slash")
            }
        }
    }

    /// `status`, as it is written.
    package static func status(parsing text: String) throws(ValueFault) -> Int {
        guard let status = wholeNumber(text).map({ Int($0) }), statuses.contains(status) else {
            throw ValueFault(
                "\(quoted(text)) is not the status of a redirect",
                hint: "use 301, 302, 303, 307 or 308; 307 and 308 keep the method, 301 and 308 are for good")
        }
        return status
    }

    /// What a client writes must never become the host that it is sent to.
    private func checkBeginning() throws(ValueFault) {
        guard case .literal(let first)? = pieces.first else {
            guard pieces.first == .path else {
                throw ValueFault(
                    "the target \(quoted(text)) must start with a slash, http:// or https://",
                    hint: pieces.first == .host ? "write https://\(text)" : "write /\(text)")
            }
            return
        }
        if first.hasPrefix("/"), !first.hasPrefix("//") { return }
        guard let scheme = ["http://", "https://"].first(where: { first.lowercased().hasPrefix($0) }) else {
            throw ValueFault(
                "the target \(quoted(text)) must start with a slash, http:// or https://",
                hint: text.contains(".") && !first.hasPrefix("//") ? "write https://\(text)" : nil)
        }
        let authority = first.dropFirst(scheme.count)
        if authority.contains(where: { "/?".contains($0) }) {
            guard authority.first.map({ !"/?".contains($0) }) == true else {
                throw ValueFault("the target \(quoted(text)) has no host")
            }
            return
        }
        // The host is all that was written so far, or the client's, and has to end here.
        var next = pieces.dropFirst()
        if authority.isEmpty {
            guard next.first == .host else {
                throw ValueFault(
                    "the host of \(quoted(text)) comes from the path, so that anybody could send clients anywhere",
                    hint: "write the host, or {host} for the client's own")
            }
            next = next.dropFirst()
        }
        switch next.first {
        case nil, .path: return
        case .literal(let text):
            let port = text.prefix { $0 != "/" && $0 != "?" }
            let isPort = port.isEmpty || (port.first == ":" && port.dropFirst().utf8.allSatisfy(\.isDigit))
            if isPort, port.count < text.count || next.dropFirst().first == .path || next.count == 1 { return }
        case .host, .query, .parameter: break
        }
        throw ValueFault(
            "the host of \(quoted(text)) must end with a slash", hint: "write a slash, or {path}, after the host")
    }

    /// Literal text of a URI: what can't stand in one is percent-encoded, but never a character that could end the field.
    private static func uriText(_ literal: Substring, of text: String) throws(ValueFault) -> String {
        var encoded = ""
        for byte in literal.utf8 {
            guard byte > 0x20, byte != 0x7f else {
                throw ValueFault("the target \(quoted(text)) has a space or control character", hint: "write %20")
            }
            encoded += Redirect.isURIByte(byte) ? String(UnicodeScalar(byte)) : percentTriplet(byte)
        }
        return encoded
    }

    /// RFC 3986 §2: reserved and unreserved characters, and the percent sign.
    package static func isURIByte(_ byte: UInt8) -> Bool {
        isSegmentByte(byte) || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#")
            || byte == UInt8(ascii: "[") || byte == UInt8(ascii: "]") || byte == UInt8(ascii: "%")
    }
}
