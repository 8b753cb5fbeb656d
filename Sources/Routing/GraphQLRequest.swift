// GraphQL over HTTP, as far as a cache has to understand it: is the request a query operation, and which one? Whatever isn't
// understood may be a mutation, which must run each time it is sent. So this accepts less than servers do: one JSON object
// with `query`, `variables`, `operationName` and `extensions`, each at most once, or the document itself as
// `application/graphql`; no batches, no content coding. A server may take the operation from an extension, as it does for
// persisted queries (`persistedQuery`), whatever the text beside it is: so no extensions but those that are known not to.

import Bytes
import HTTPSemantics
import HTTPWire

/// A request whose document has nothing but query operations and fragments.
struct GraphQLRequest {
    /// Of query text, operation name, variables and extensions, each with its length: spaces between members and their
    /// order make no difference.
    let digest: MD5Digest

    init?(_ head: borrowing RequestHead, _ bytes: Span<UInt8>, content: Span<UInt8>) {
        guard !head.contains(.contentEncoding), let type = head.first(.contentType),
            head.fields.count(where: { $0.known == .contentType }) == 1
        else { return nil }
        let value = bytes.extracting(type)
        let end = value.firstIndex(of: 0x3B, in: value.indices) ?? value.count
        let media = value.extracting(value.trimming(0..<end))
        guard Self.isUnicode(value.extracting(value.trimming(end..<value.count))) else { return nil }
        var message = GraphQLMessage()
        if Scan.equalsIgnoringCase(media, "application/json") {
            guard message.read(content) else { return nil }
        } else if Scan.equalsIgnoringCase(media, "application/graphql") {
            message.query = content.copied()
        } else {
            return nil
        }
        guard GraphQLDocument.isQuery(message.query.span) else { return nil }
        digest = message.digest
    }

    /// No parameters, or `charset=utf-8` as the only one.
    private static func isUnicode(_ parameters: Span<UInt8>) -> Bool {
        if parameters.isEmpty { return true }
        let parameter = parameters.extracting(parameters.trimming(1..<parameters.count))
        return Scan.equalsIgnoringCase(parameter, "charset=utf-8")
            || Scan.equalsIgnoringCase(parameter, "charset=\"utf-8\"")
    }
}

/// The members of a request.
private struct GraphQLMessage {
    /// Decoded.
    var query: [UInt8] = []
    /// As they stand, but without spaces; empty for null.
    private var others: [[UInt8]] = [[], [], []]

    private static let names: [StaticString] = ["operationName", "variables", "extensions"]

    var digest: MD5Digest {
        var text: [UInt8] = []
        for part in [query] + others {
            text.append(decimal: Int64(part.count))
            text.append(UInt8(ascii: ":"))
            text += part
        }
        return MD5Hasher.digest(of: text.span)
    }

    /// Reads one JSON object and nothing more (RFC 8259); false for anything else.
    mutating func read(_ content: Span<UInt8>) -> Bool {
        var json = JSONScanner()
        var seen: [Int] = []
        guard json.take(UInt8(ascii: "{"), content), !json.take(UInt8(ascii: "}"), content) else { return false }
        repeat {
            json.skipSpace(content)
            guard let name = json.string(content), json.take(UInt8(ascii: ":"), content) else { return false }
            json.skipSpace(content)
            let place = Self.place(of: name)
            guard let place, !seen.contains(place) else { return false }
            seen.append(place)
            if place == 0 {
                guard let text = json.string(content) else { return false }
                query = text
            } else {
                var value: [UInt8] = []
                guard json.value(content, into: &value, depth: 0) else { return false }
                guard value != Array("null".utf8) else { continue }
                let opening = place == 1 ? UInt8(ascii: "\"") : UInt8(ascii: "{")
                guard value.first == opening else { return false }
                if place == Self.names.count, !Self.areHarmless(extensions: value.span) { return false }
                others[place - 1] = value
            }
        } while json.take(UInt8(ascii: ","), content)
        guard json.take(UInt8(ascii: "}"), content) else { return false }
        json.skipSpace(content)
        return json.isAtEnd(content) && !query.isEmpty
    }

    /// Extensions that say nothing of the operation, by name.
    private static let harmlessExtensions: [StaticString] = ["clientLibrary"]

    private static func areHarmless(extensions: Span<UInt8>) -> Bool {
        var json = JSONScanner()
        guard json.take(UInt8(ascii: "{"), extensions) else { return false }
        if json.take(UInt8(ascii: "}"), extensions) { return true }
        repeat {
            json.skipSpace(extensions)
            var value: [UInt8] = []
            guard let name = json.string(extensions), json.take(UInt8(ascii: ":"), extensions),
                harmlessExtensions.contains(where: { Scan.equals(name.span, $0) }),
                json.value(extensions, into: &value, depth: 0)
            else { return false }
        } while json.take(UInt8(ascii: ","), extensions)
        return true
    }

    private static func place(of name: [UInt8]) -> Int? {
        if Scan.equals(name.span, "query") { return 0 }
        return names.firstIndex { Scan.equals(name.span, $0) }.map { $0 + 1 }
    }
}

/// The text of a GraphQL document (October 2021, §2): what kinds of operations has it?
struct GraphQLDocument {
    private var position = 0
    private static let deepest = 200

    /// Whether it has at least one operation, and all of them are queries.
    static func isQuery(_ text: Span<UInt8>) -> Bool {
        var document = GraphQLDocument()
        var operations = 0
        while true {
            guard document.skipIgnored(text) else { return false }
            if document.position == text.count { return operations > 0 }
            if text[document.position] != UInt8(ascii: "{") {
                guard let name = document.name(text) else { return false }
                if Scan.equals(text.extracting(name), "query") {
                    guard document.operationHead(text) else { return false }
                    operations += 1
                } else if Scan.equals(text.extracting(name), "fragment") {
                    guard document.fragmentHead(text) else { return false }
                } else {
                    return false
                }
            } else {
                operations += 1
            }
            guard document.group(text, opening: UInt8(ascii: "{")) else { return false }
        }
    }

    /// After `query`: a name, variables, directives, each if it is there.
    private mutating func operationHead(_ text: Span<UInt8>) -> Bool {
        guard skipIgnored(text) else { return false }
        _ = name(text)
        guard skipIgnored(text) else { return false }
        if isAt(UInt8(ascii: "("), text), !group(text, opening: UInt8(ascii: "(")) { return false }
        return directives(text)
    }

    /// After `fragment`: its name, `on`, a type, directives.
    private mutating func fragmentHead(_ text: Span<UInt8>) -> Bool {
        for place in 0..<3 {
            guard skipIgnored(text), let name = name(text) else { return false }
            if place == 1, !Scan.equals(text.extracting(name), "on") { return false }
        }
        return directives(text)
    }

    /// Up to the selection set.
    private mutating func directives(_ text: Span<UInt8>) -> Bool {
        guard skipIgnored(text) else { return false }
        while isAt(UInt8(ascii: "@"), text) {
            position += 1
            guard skipIgnored(text), name(text) != nil, skipIgnored(text) else { return false }
            if isAt(UInt8(ascii: "("), text), !group(text, opening: UInt8(ascii: "(")) { return false }
            guard skipIgnored(text) else { return false }
        }
        return isAt(UInt8(ascii: "{"), text)
    }

    private func isAt(_ byte: UInt8, _ text: Span<UInt8>) -> Bool { position < text.count && text[position] == byte }

    private mutating func name(_ text: Span<UInt8>) -> Range<Int>? {
        let start = position
        while position < text.count {
            let byte = text[position]
            guard byte.isLetter || byte == UInt8(ascii: "_") || byte.isDigit && position > start else { break }
            position += 1
        }
        return position > start ? start..<position : nil
    }

    /// White space, line ends, commas and comments. False at what no document has here.
    private mutating func skipIgnored(_ text: Span<UInt8>) -> Bool {
        while position < text.count {
            switch text[position] {
            case 0x20, 0x09, 0x0A, 0x0D, UInt8(ascii: ","): position += 1
            case UInt8(ascii: "#"):
                while position < text.count, text[position] != 0x0A, text[position] != 0x0D { position += 1 }
            case ..<0x20, 0x7F...: return false
            default: return true
            }
        }
        return true
    }

    /// Everything from an opening bracket to the one that closes it.
    private mutating func group(_ text: Span<UInt8>, opening: UInt8) -> Bool {
        guard isAt(opening, text) else { return false }
        var closing: [UInt8] = []
        repeat {
            guard skipIgnored(text), position < text.count else { return false }
            let byte = text[position]
            switch byte {
            case UInt8(ascii: "{"): closing.append(UInt8(ascii: "}"))
            case UInt8(ascii: "("): closing.append(UInt8(ascii: ")"))
            case UInt8(ascii: "["): closing.append(UInt8(ascii: "]"))
            case UInt8(ascii: "}"), UInt8(ascii: ")"), UInt8(ascii: "]"):
                guard closing.popLast() == byte else { return false }
            case UInt8(ascii: "\""):
                guard string(text) else { return false }
                continue
            default: break
            }
            guard closing.count <= Self.deepest else { return false }
            position += 1
        } while !closing.isEmpty
        return true
    }

    /// A string, or a block string.
    private mutating func string(_ text: Span<UInt8>) -> Bool {
        let isBlock = isQuotes(at: position, text)
        position += isBlock ? 3 : 1
        while position < text.count {
            let byte = text[position]
            if isBlock {
                if isQuotes(at: position, text) {
                    position += 3
                    return true
                }
                position += byte == UInt8(ascii: "\\") && isQuotes(at: position + 1, text) ? 4 : 1
                continue
            }
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return true
            case 0x0A, 0x0D: return false
            case UInt8(ascii: "\\"): position += 2
            default: position += 1
            }
        }
        return false
    }

    private func isQuotes(at place: Int, _ text: Span<UInt8>) -> Bool {
        guard place + 2 < text.count else { return false }
        return text[place] == 0x22 && text[place + 1] == 0x22 && text[place + 2] == 0x22
    }
}

extension KeyRecipe {
    /// The digest of GraphQL content that only reads; nil for any other content.
    package func readsContent(
        of head: borrowing RequestHead, _ bytes: Span<UInt8>, _ content: Span<UInt8>
    ) -> MD5Digest? {
        // A server may take the document, or the name of its operation, from the URL.
        guard isGraphQL, head.method == .post, !head.hasQuery else { return nil }
        return GraphQLRequest(head, bytes, content: content)?.digest
    }
}
