// The `Location` of a route with `redirect`. Nothing that a client sends can end the field or become the host of the target:
// all but the characters of a URI is percent-encoded, the host is the file's or the client's own, and a target that begins with
// `//` is refused.

import Bytes
import Configuration
import HTTPSemantics
import HTTPWire

/// Compiled when a configuration is taken on.
package struct RedirectTarget: Sendable {
    private enum Piece: Sendable {
        case literal([UInt8])
        case parameter(index: Int, dropsSlash: Bool)
        case host
        case path
        case query
    }

    private let pieces: [Piece]

    package init(_ redirect: Redirect, of route: Route) {
        let names = route.parameterNames
        let written = redirect.pieces
        pieces = written.enumerated().map { index, piece in
            switch piece {
            case .literal(let text): return .literal(Array(text.utf8))
            case .host: return .host
            case .path: return .path
            case .query: return .query
            case .parameter(let name):
                guard let parameter = names.firstIndex(of: name) else {
                    preconditionFailure("a checked redirect names parameters of its route")
                }
                var isAlone = false
                if index > 0, case .literal(let before) = written[index - 1], before.hasSuffix("/") {
                    isAlone = index + 1 == written.count
                    if index + 1 < written.count, case .literal(let after) = written[index + 1] {
                        isAlone = after.hasPrefix("?") || after.hasPrefix("#")
                    }
                }
                return .parameter(index: parameter, dropsSlash: isAlone)
            }
        }
    }

    /// Appends the target.
    /// - Returns: false if there is none, because the request names no host or the target would name another.
    package func append(
        _ head: borrowing RequestHead, _ bytes: Span<UInt8>, _ match: RouteMatch, to output: inout ByteBuffer
    ) -> Bool {
        let start = output.count
        for piece in pieces {
            switch piece {
            case .literal(let text): output.append(text)
            case .parameter(let index, let dropsSlash):
                if match.isMissing(at: index) {
                    if dropsSlash, output.count > start + 1 { output.removeLast(1) }
                } else {
                    output.appendURI(bytes, match.parameter(at: index))
                }
            case .host:
                let host = HostName.range(in: bytes, authority: head.authority)
                if host.isEmpty { return false }
                for index in host.lower..<host.upper { output.append(bytes[index].lowercased) }
            case .path:
                if head.path.isEmpty { output.append(UInt8(ascii: "/")) } else { output.appendURI(bytes, head.path) }
            case .query:
                if head.hasQuery, !head.query.isEmpty {
                    output.appendURI(bytes, head.query)
                } else if output.count > start, Self.isMark(output.span[output.count - 1]) {
                    output.removeLast(1)
                }
            }
        }
        let target = output.span.extracting(start...)
        return !(target.count > 1 && target[0] == UInt8(ascii: "/") && target[1] == UInt8(ascii: "/"))
    }

    private static func isMark(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "?") || byte == UInt8(ascii: "&") }
}

extension ByteBuffer {
    /// Appends the normal form, with everything percent-encoded that can't stand in a URI (RFC 3986 §2).
    fileprivate mutating func appendURI(_ bytes: Span<UInt8>, _ range: ByteRange) {
        var start = range.lower
        for index in range.lower..<range.upper where !Redirect.isURIByte(bytes[index]) {
            appendNormalized(bytes, ByteRange(start, index))
            appendTriplet(bytes[index])
            start = index + 1
        }
        appendNormalized(bytes, ByteRange(start, range.upper))
    }
}
