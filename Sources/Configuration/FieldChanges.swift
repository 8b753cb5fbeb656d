// `request` and `response` of a route: which header fields are set, added and removed on the way to the upstream and back to
// the client.

import Bytes

/// What a route changes of the fields of one side.
package struct FieldChanges: Sendable, Hashable {
    /// Whose fields they are.
    package enum Side: String, Sendable, Hashable {
        case request
        case response
    }

    /// How a field is changed.
    package enum Change: String, Sendable, Hashable, CaseIterable {
        /// Replaces all lines of that name.
        case set
        /// One more line.
        case add
        case remove
    }

    /// One line that is sent.
    package struct Line: Sendable, Hashable {
        /// As written in the file; compared without regard to case.
        package let name: String
        package let value: FieldValue
        /// Whether its value is shown to nobody: it is a credential, or came from the environment.
        package let isSecret: Bool

        package init(name: String, value: FieldValue, isSecret: Bool) {
            self.name = name
            self.value = value
            self.isSecret = isSecret
        }

        /// The value as it may be shown.
        package var shownValue: String { isSecret ? "***" : value.text }
    }

    package var set: [Line] = []
    package var add: [Line] = []
    package var remove: [String] = []

    package init() {}

    package var isEmpty: Bool { self.set.isEmpty && add.isEmpty && remove.isEmpty }

    /// One sentence part per change, without secrets: `set X-Api: v2`.
    package var summary: [String] {
        self.set.map { "set \($0.name): \($0.shownValue)" } + add.map { "add \($0.name): \($0.shownValue)" }
            + remove.map { "remove \($0)" }
    }
}

/// The value of a line: text with `{client_ip}` and the like, parsed.
package struct FieldValue: Sendable, Hashable {
    package enum Piece: Sendable, Hashable {
        /// Stands in the value as it is.
        case literal([UInt8])
        /// `{client_ip}`: the client's address.
        case clientAddress
        /// `{request_id}`
        case requestIdentifier
        /// `{host}`: the host of the request, with its port unless that is the scheme's own, as in keys.
        case host
        /// `{route}`: host and path of the route, as written in the file.
        case route
        /// `{id}` or `{path.id}`: a parameter of the route's path.
        case parameter(String)
    }

    /// Never two literals in a row; at least one piece.
    package let pieces: [Piece]
    /// As written in the file.
    package let text: String

    /// Whether it is the same for every request that has the same key: nothing in it tells one client from another.
    package var tellsClients: Bool { pieces.contains(.clientAddress) || pieces.contains(.requestIdentifier) }
}

extension FieldValue {
    /// - Parameter path: the route's, whose parameters it may name; nil if that is faulty.
    package init(parsing text: String, path: PathPattern?) throws(ValueFault) {
        var pieces: [Piece] = []
        var literal: [UInt8] = []
        let bytes = Array(text.utf8)
        let (open, close) = (UInt8(ascii: "{"), UInt8(ascii: "}"))
        let isBlank: (UInt8?) -> Bool = { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        guard !isBlank(bytes.first), !isBlank(bytes.last) else {
            throw ValueFault("the header value \(quoted(text)) begins or ends with a space", hint: "remove it")
        }
        var rest = bytes[...]
        while let byte = rest.popFirst() {
            switch byte {
            case open, close:
                if rest.first == byte {
                    literal.append(byte)
                    rest = rest.dropFirst()
                    continue
                }
                guard byte == open else {
                    throw ValueFault("\(quoted(text)) has an unmatched }", hint: "write }} for a literal }")
                }
                guard let end = rest.firstIndex(of: close) else {
                    throw ValueFault("\(quoted(text)) has an unclosed {", hint: "write {{ for a literal {")
                }
                if !literal.isEmpty { pieces.append(.literal(literal)) }
                literal = []
                pieces.append(try FieldValue.piece(String(decoding: rest[..<end], as: UTF8.self), path))
                rest = rest[(end + 1)...]
            case UInt8(ascii: "\r"), UInt8(ascii: "\n"):
                throw ValueFault("a header value can't have a line break", hint: "write it in one line")
            case UInt8(ascii: "\t"): literal.append(byte)
            case ..<0x20, 0x7f: throw ValueFault("a header value can't have control characters")
            case 0x80...:
                throw ValueFault("the header value \(quoted(text)) is not plain ASCII", hint: "percent-encode it")
            default: literal.append(byte)
            }
        }
        if !literal.isEmpty { pieces.append(.literal(literal)) }
        guard !pieces.isEmpty else {
            throw ValueFault("the header value is empty", hint: "list the header under `remove` instead")
        }
        guard bytes.count <= 4096 else { throw ValueFault("the header value is longer than 4096 bytes") }
        self.init(pieces: pieces, text: text)
    }

    private static func piece(_ name: String, _ path: PathPattern?) throws(ValueFault) -> Piece {
        if let piece = builtIn[name] { return piece }
        let shown = quoted("{\(name)}")
        let known = path?.parameterNames ?? []
        let parameter = name.hasPrefix("path.") ? String(name.dropFirst(5)) : name
        if known.contains(parameter) { return .parameter(parameter) }
        if let ours = foreign[name] { throw ValueFault("unknown value \(shown)", hint: "write {\(ours)}") }
        for source in ["header.", "query.", "cookie."] where name.hasPrefix(source) {
            throw ValueFault(
                "\(shown): what a client sends in its headers and query can't be part of a header value",
                hint: "the upstream gets the client's own headers and query")
        }
        if path == nil { return .parameter(parameter) }
        guard !name.isEmpty, name.utf8.allSatisfy(isTokenByte) else {
            throw ValueFault("\(shown) is not the name of a value", hint: "write {{ for a literal {")
        }
        let near = nearestName(to: parameter, among: known + builtIn.keys.sorted())
        throw ValueFault(
            "unknown value \(shown)",
            hint: near.map { "did you mean {\($0)}?" }
                ?? "known: "
                + (builtIn.keys.sorted() + known).map { "{\($0)}" }.joined(separator: ", "))
    }

    private static let builtIn: [String: Piece] = [
        "client_ip": .clientAddress, "request_id": .requestIdentifier, "host": .host, "route": .route,
    ]

    /// What others call them.
    private static let foreign = [
        "remote_host": "client_ip", "remote_addr": "client_ip", "remote_ip": "client_ip", "ip": "client_ip",
        "http.request.remote.host": "client_ip", "remote": "client_ip", "client_address": "client_ip",
        "http.request.uuid": "request_id", "uuid": "request_id", "id": "request_id",
        "http.request.host": "host", "hostport": "host", "http_host": "host",
    ]
}

/// `response.cache_control`: what clients are told, whatever the API says to Larder.
package struct CacheControlValue: Sendable, Hashable {
    package enum Piece: Sendable, Hashable {
        case literal([UInt8])
        /// The seconds of `max-age` or `s-maxage`, which count from when a client gets the response.
        case seconds(UInt64)
    }

    package let pieces: [Piece]
    /// As written in the file.
    package let text: String
    /// Whether other caches may share what carries it: it says none of `private`, `no-store` and `no-cache`.
    package let allowsSharing: Bool

    package init(parsing text: String) throws(ValueFault) {
        var pieces: [Piece] = []
        var allowsSharing = true
        for (index, part) in text.split(separator: ",", omittingEmptySubsequences: false).enumerated() {
            let directive = String(decoding: part.utf8.drop { $0 == 0x20 }, as: UTF8.self)
            let (name, argument) = try CacheControlValue.parse(directive, of: text)
            if ["private", "no-store", "no-cache"].contains(name) { allowsSharing = false }
            let separator = index == 0 ? "" : ", "
            // 0 is asked about every time, however old the response is.
            if let seconds = argument, name == "max-age" || name == "s-maxage", seconds > 0 {
                pieces.append(.literal(Array("\(separator)\(name)=".utf8)))
                pieces.append(.seconds(seconds))
            } else {
                pieces.append(.literal(Array("\(separator)\(name)\(argument.map { "=\($0)" } ?? "")".utf8)))
            }
        }
        self.pieces = pieces
        self.text = text
        self.allowsSharing = allowsSharing
    }

    private static func parse(_ directive: String, of text: String) throws(ValueFault) -> (String, UInt64?) {
        let parts = directive.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(decoding: parts[0].utf8.map(lowercase), as: UTF8.self)
        if parts.count == 1, let time = try? Milliseconds(parsing: name) {
            throw ValueFault(
                "\(quoted(text)) is not a Cache-Control value", hint: "write max-age=\(time.rawValue / 1000)")
        }
        guard let takesSeconds = known[name] else {
            throw ValueFault(
                "unknown directive \(quoted(directive)) in \(quoted(text))",
                hint: nearestName(to: name, among: known.keys.sorted()).map { "did you mean \(quoted($0))?" }
                    ?? "known: \(known.keys.sorted().joined(separator: ", "))")
        }
        guard parts.count == 2 else {
            if takesSeconds { throw ValueFault("\(quoted(name)) needs a number of seconds", hint: "write \(name)=60") }
            return (name, nil)
        }
        guard takesSeconds else { throw ValueFault("\(quoted(name)) takes no value", hint: "write \(name)") }
        if let seconds = wholeNumber(parts[1]), seconds <= 1 << 31 { return (name, UInt64(seconds)) }
        let time = try? Milliseconds(parsing: String(parts[1]))
        throw ValueFault(
            "\(quoted(String(parts[1]))) is not a number of seconds",
            hint: time.map { "write \(name)=\($0.rawValue / 1000)" })
    }

    /// Directives of responses (RFC 9111 §5.2.2, RFC 5861, RFC 8246), and whether they take seconds.
    private static let known: [String: Bool] = [
        "public": false, "private": false, "no-store": false, "no-cache": false, "no-transform": false,
        "must-revalidate": false, "proxy-revalidate": false, "must-understand": false, "immutable": false,
        "max-age": true, "s-maxage": true, "stale-while-revalidate": true, "stale-if-error": true,
    ]
}
