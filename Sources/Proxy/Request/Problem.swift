// A response of Larder's own as a problem document (RFC 9457) with a stable type.

import Bytes
import HTTPSemantics
import HTTPWire

/// What a refused request is told.
struct Problem {
    let status: Int
    let slug: StaticString
    let document: [UInt8]

    /// - Parameter wire: what was wrong with the bytes, where that is told instead.
    init(_ outcome: Outcome, _ wire: WireError?) {
        status = wire.map(\.status) ?? outcome.status
        slug = wire.map(\.code) ?? outcome.slug
        var body = ByteBuffer(minimumCapacity: 512)
        body.append("{\"type\":\"urn:larder:problem:")
        body.append(slug)
        body.append("\",\"title\":\"")
        body.append(ReasonPhrase.of(status))
        body.append("\",\"status\":")
        body.append(decimal: status)
        body.append(",\"detail\":\"")
        body.append(wire.map(\.sentence) ?? outcome.sentence)
        body.append("\"}\n")
        document = body.span.copied()
    }
}
