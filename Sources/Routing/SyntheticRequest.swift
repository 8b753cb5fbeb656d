// A request made from a URL instead of received: `larder key` and purges by URL use the same code as real requests, so
// they compute the same keys.

import Bytes
import HTTPWire

/// Why no request can be made from the input, or none that Larder would serve.
package enum SyntheticRequestFault: Error, Equatable, CustomStringConvertible {
    /// Not `http://authority/…` or `https://authority/…`.
    case invalidURL
    /// Not `Name: value`, or a control character in it.
    case invalidField(String)
    /// What a client that sent this would be told.
    case refused(WireError)
    case refusedPath(PathFault)
    case noRoute
    /// The route's key template asks for something that isn't in it.
    case noKey(KeyFault)

    package var description: String {
        switch self {
        case .invalidURL: "the URL must be http://host/path or https://host/path, without spaces"
        case .invalidField(let line): "\"\(line)\" is not a header field; write 'Name: value'"
        case .refused(let error): "invalid request: \(error.sentence)"
        case .refusedPath(.notAbsolute): "the path must start with a slash"
        case .refusedPath(.dotSegment): "the path has a . or .. segment; the response would be 400"
        case .refusedPath(.malformedEncoding): "the path has a % without two hex digits; the response would be 400"
        case .refusedPath(.encodedNull): "the path has an encoded NUL; the response would be 400"
        case .noKey(.incomplete):
            "the route's key needs a value that this request doesn't have and for which there is no default"
        case .noKey(.ambiguous): "a value of the route's key is in this request more than once"
        case .noRoute: "no route matches this URL; the response would be 404"
        }
    }
}

/// A parsed head and its bytes.
package struct SyntheticRequest: ~Copyable {
    package let bytes: [UInt8]
    package let head: RequestHead
    package let scheme: URIScheme

    /// - Parameters:
    ///   - url: with the scheme and authority that clients use. A fragment is removed, as clients do.
    ///   - fields: lines of the form `Name: value`; a `Host` among them replaces the URL's authority.
    package init(
        method: String = "GET", url: String, fields: [String] = []
    ) throws(SyntheticRequestFault) {
        let url = url.utf8.prefix { $0 != UInt8(ascii: "#") }
        guard let (scheme, authorityStart) = Self.scheme(of: url) else { throw .invalidURL }
        let rest = url[authorityStart...]
        let pathStart = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? rest.endIndex
        guard pathStart > authorityStart, url.allSatisfy({ $0 > 0x20 && $0 != 0x7f }),
            method.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f })
        else { throw .invalidURL }

        var bytes = Array(method.utf8) + Array(" ".utf8)
        if rest[pathStart...].first != UInt8(ascii: "/") { bytes.append(UInt8(ascii: "/")) }
        bytes += Array(rest[pathStart...]) + Array(" HTTP/1.1\r\n".utf8)
        var hasHost = false
        for field in fields {
            guard let colon = field.utf8.firstIndex(of: UInt8(ascii: ":")), colon > field.startIndex,
                field.utf8.allSatisfy({ ($0 >= 0x20 || $0 == 0x09) && $0 != 0x7f })
            else { throw .invalidField(field) }
            if field.utf8[..<colon].map(\.lowercased) == Array("host".utf8) { hasHost = true }
            bytes += Array(field.utf8) + Array("\r\n".utf8)
        }
        if !hasHost { bytes += Array("Host: ".utf8) + Array(rest[..<pathStart]) + Array("\r\n".utf8) }
        bytes += Array("\r\n".utf8)

        var head = RequestHead()
        let isComplete: Bool
        do throws(WireError) {
            let limits = HeadLimits(startLine: bytes.count, head: bytes.count, fields: fields.count + 1)
            isComplete = try head.parse(bytes.span, limits: limits)
        } catch {
            throw .refused(error)
        }
        precondition(isComplete, "a head that ends with an empty line parses as complete")
        self.bytes = bytes
        self.head = head
        self.scheme = scheme
    }

    private static func scheme(of url: Substring.UTF8View) -> (URIScheme, String.Index)? {
        guard let colon = url.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        guard url[colon...].starts(with: "://".utf8) else { return nil }
        let start = url.index(colon, offsetBy: 3)
        switch String(decoding: url[..<colon].map(\.lowercased), as: UTF8.self) {
        case "http": return (.http, start)
        case "https": return (.https, start)
        default: return nil
        }
    }
}

extension KeyComposer {
    /// Composes the key of a request made from a URL: the key that a purge of that URL removes.
    /// - Parameter body: used only if it is part of the key.
    @discardableResult
    package mutating func compose(
        _ request: borrowing SyntheticRequest, by table: RouteTable, body: [UInt8] = []
    ) throws(SyntheticRequestFault) -> RouteMatch {
        let bytes = request.bytes.span
        switch table.match(request.head, in: bytes) {
        case .noRoute: throw .noRoute
        case .refused(let fault): throw .refusedPath(fault)
        case .matched(let match):
            let recipe = table.recipes[match.route]
            var content: MD5Digest?
            if recipe.needsBody(for: request.head.method) {
                content =
                    recipe.readsContent(of: request.head, bytes, body.span) ?? MD5Hasher.digest(of: body.span)
            }
            compose(
                request.head, in: bytes, scheme: request.scheme, match: match, by: recipe,
                body: content)
            if let fault { throw .noKey(fault) }
            return match
        }
    }
}
