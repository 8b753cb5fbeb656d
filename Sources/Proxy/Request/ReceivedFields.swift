// What the origin gets of a request's fields, and therefore what `Vary` is matched with (RFC 9111 §4.1): a response that varies
// on a field which the route or Larder itself writes varies on what was written, whatever the client sent under that name.

import Bytes
import Clients
import HTTPSemantics
import HTTPWire

/// What the origin gets of a request.
struct ReceivedFields {
    let request: AdmittedRequest

    /// Calls `body` with the value of each line of that name that the origin gets. Of what Larder writes by itself it gets the
    /// parts that tell one request from another. Allocates nothing.
    /// - Parameter isWithheld: whether the client's own field isn't sent.
    func forEachValue(
        of name: Span<UInt8>, except isWithheld: (FieldLine) -> Bool, _ body: (Span<UInt8>) -> Void
    ) {
        let bytes = request.bytes
        let changes = request.entry?.requestFields
        if changes?.removal?.contains(name) != true {
            // What Connection names ends here.
            for field in request.head.fields
            where bytes.extracting(field.name).isSameName(as: name)
                && !request.head.isNamedByConnection(field, in: bytes) && !isWithheld(field)
            {
                body(bytes.extracting(field.value))
            }
        }
        changes?.lines?.forEachValue(of: name, for: request, body)
        forEachOwnValue(of: name, body)
    }

    private func forEachOwnValue(of name: Span<UInt8>, _ body: (Span<UInt8>) -> Void) {
        let field = FieldName.recognise(name)
        guard Self.own.contains(field) else { return }
        let scratch = request.fieldScratch
        scratch.text.removeAll()
        switch field {
        case .forwarded, .xForwardedFor:
            scratch.append(request.peer)
            if field == .forwarded {
                scratch.text.append(UInt8(ascii: ";"))
                request.appendNormalHost(to: &scratch.text)
                scratch.text.append(UInt8(ascii: ";"))
                scratch.text.append(request.scheme.text)
            }
        case .xForwardedProto: scratch.text.append(request.scheme.text)
        case .xForwardedHost: request.appendNormalHost(to: &scratch.text)
        // X-Request-Id: no two requests have the same.
        default: request.appendIdentifier(to: &scratch.text)
        }
        body(scratch.text.span)
    }

    private static let own: FieldSet = [.forwarded, .xForwardedFor, .xForwardedProto, .xForwardedHost, .xRequestID]
}
