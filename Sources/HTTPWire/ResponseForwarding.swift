// A response on its way to the client, or into the store (RFC 9110 §7.6, RFC 9112 §4): a new status line, the
// end-to-end fields, and this hop's own framing and Via. The caller adds what Larder says about the response (Age,
// X-Cache, Cache-Status, Date).

import Bytes
import HTTPSemantics

/// How to serialise one response.
package struct ResponseForwarding: Sendable {
    package var framing: BodyFraming
    /// The Content-Length of a body that isn't sent, for HEAD and 304 (RFC 9110 §8.6).
    package var declaredContentLength: UInt64?
    package var connection = Forwarding.Connection.implied
    /// Fields that are left out, such as tags that the route does not expose, or fields that the caller generates.
    package var dropping = FieldSet()
    package var appendsVia = true

    package init(framing: BodyFraming) { self.framing = framing }

    private static let regenerated = FieldSet.hopByHop.union([.via, .trailer])

    fileprivate var leftOut: FieldSet { ResponseForwarding.regenerated.union(dropping) }
}

extension Forwarding {
    /// `HTTP/1.1 status reason` and CRLF.
    package static func appendStatusLine(_ status: Int, reason: Span<UInt8>, to output: inout ByteBuffer) {
        output.append("HTTP/1.1 ")
        output.append(decimal: status)
        output.append(.space)
        output.append(reason)
        output.append("\r\n")
    }

    /// Appends `head`, which was parsed from `bytes`, as `plan` says. The head is left open.
    package static func appendResponse(
        _ head: borrowing ResponseHead, _ bytes: Span<UInt8>, _ plan: borrowing ResponseForwarding,
        to output: inout ByteBuffer
    ) {
        appendStatusLine(head.status, reason: bytes.extracting(head.reason), to: &output)
        appendEndToEndFields(head, bytes, dropping: plan.leftOut, to: &output)
        if plan.framing == .chunked, !plan.dropping.contains(.trailer), head.contains(.trailer) {
            for field in head.fields where field.known == .trailer && !head.isNamedByConnection(field, in: bytes) {
                append(field, of: bytes, to: &output)
            }
        }
        if let declared = plan.declaredContentLength, plan.framing == .none {
            appendField("Content-Length", decimal: declared, to: &output)
        } else {
            appendFraming(plan.framing, to: &output)
        }
        if plan.appendsVia {
            appendVia(of: head, bytes, to: &output)
        }
        appendConnection(head, bytes, plan.connection, to: &output)
    }

    /// Appends the end-to-end fields of `head` without those in `dropping`: what is stored of a response's head.
    /// - Parameter removal: names of more fields to leave out.
    package static func appendEndToEndFields(
        _ head: borrowing ResponseHead, _ bytes: Span<UInt8>, dropping: FieldSet, removing removal: FieldRemoval? = nil,
        to output: inout ByteBuffer
    ) {
        let left = FieldSet.hopByHop.union(dropping)
        for field in head.fields {
            let isKept = head.isForClient(field)
            if left.contains(field.known) && !isKept { continue }
            if !isKept, head.isNamedByConnection(field, in: bytes) { continue }
            if let removal, removal.contains(bytes.extracting(field.name)) { continue }
            append(field, of: bytes, to: &output)
        }
    }

    private static func appendConnection(
        _ head: borrowing ResponseHead, _ bytes: Span<UInt8>, _ connection: Connection, to output: inout ByteBuffer
    ) {
        switch connection {
        case .implied: break
        case .close: output.append("Connection: close\r\n")
        case .keepAlive: output.append("Connection: keep-alive\r\n")
        case .upgrade:
            output.append("Connection: Upgrade\r\n")
            for field in head.fields where field.known == .upgrade {
                appendField("Upgrade", bytes.extracting(field.value), to: &output)
            }
        }
    }
}
