// The number by which `balance: hash` chooses a server: of the same requests the same one, in each process.

import Bytes
import Configuration
import HTTPSemantics
import HTTPWire

/// A compiled `hash_key`.
package final class BalanceRecipe: Sendable {
    private let pieces: [KeyTemplate.Piece]

    /// - Parameter key: nil for host and path.
    package init(_ key: BalanceKey?) { pieces = key?.template.pieces ?? [.host, .path] }

    /// Nil where the request lacks a value without a default: nothing says then that it belongs to a server.
    package func number(of head: borrowing RequestHead, _ bytes: Span<UInt8>, scheme: URIScheme) -> UInt64? {
        var text = ByteBuffer()
        for piece in pieces {
            let start = text.count
            var standIn: String?
            switch piece {
            case .literal(let literal): text.append(literal)
            case .header(let name, let other):
                let name = Array(name.utf8)
                for field in head.fields
                where bytes.extracting(field.name).isFieldName(name.span, takingUnderscores: false) {
                    if text.count > start { text.append(", ") }
                    text.append(bytes.extracting(field.value))
                }
                standIn = other
            case .cookie(let name, let other):
                let name = Array(name.utf8)
                if let found = RequestValue.cookie(name.span, head, bytes) {
                    text.append(bytes.extracting(found.value))
                }
                standIn = other
            case .queryParameter(let name, let other):
                let name = Array(name.utf8)
                if let found = RequestValue.queryParameter(name.span, head, bytes) {
                    text.appendValue(bytes, found.value, .query, escape: 0)
                }
                standIn = other
            case .host:
                let isHTTPS = scheme == .https
                let authority = head.authority.lower..<head.authority.upper
                for index in NormalAuthority.range(authority, in: bytes, isHTTPS: isHTTPS) {
                    text.append(bytes[index].lowercased)
                }
            case .path: text.appendNormalized(bytes, head.path)
            case .query:
                text.append(bytes.extracting(head.query))
                standIn = ""
            default: preconditionFailure("a checked `hash_key` has none of these")
            }
            if text.count == start {
                guard let standIn else { return nil }
                text.append(Array(standIn.utf8))
            }
            // No value has this byte, so that none runs into the next.
            text.append(UInt8(0))
        }
        return MD5Hasher.digest(of: text.span).high
    }
}
