// The response of a route that asks no upstream: `respond` or `redirect`. Made when the configuration is taken on, but for the
// target of a redirect.

import Bytes
import Clients
import Configuration
import HTTPWire
import Routing

/// One per route and worker.
struct OwnResponse {
    let status: Int
    /// Whole lines of fields, each with its end.
    private let fields: [UInt8]
    let content: [UInt8]
    private let target: RedirectTarget?

    /// Nil for a route that asks an upstream.
    init?(_ route: Route) {
        var lines = ByteBuffer()
        switch route.action {
        case .forward: return nil
        case .respond(let response):
            status = response.status
            content = response.bytes
            target = nil
            if let type = response.contentType {
                Forwarding.appendField("Content-Type", Array(type.utf8).span, to: &lines)
            }
            for header in response.headers {
                lines.append(Array("\(header.name): \(header.value)\r\n".utf8))
            }
        case .redirect(let redirect):
            status = redirect.status
            content = []
            target = RedirectTarget(redirect, of: route)
        }
        fields = lines.span.copied()
    }

    /// Whether the head says how long the content is (RFC 9110 §8.6).
    var hasLength: Bool { status != 204 && status != 304 }

    /// The value of `Location`; nil where the request has none that it could be sent to.
    /// - Parameter match: of the request.
    func location(_ head: borrowing RequestHead, _ bytes: Span<UInt8>, _ match: RouteMatch) -> [UInt8]? {
        guard let target else { return [] }
        var location = ByteBuffer()
        return target.append(head, bytes, match, to: &location) ? location.span.copied() : nil
    }

    /// Writes the fields.
    /// - Parameter location: as ``location(_:_:_:)`` gave it.
    func append(to writer: ResponseHeadWriter, location: [UInt8]) {
        writer.append(lines: fields.span, removesTags: false)
        if target != nil { writer.append("Location", location.span) }
    }
}
