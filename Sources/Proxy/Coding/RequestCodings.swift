// Which content codings a request accepts (RFC 9110 §12.5.3), as its key and the origin are told: in one reduced form, so that
// what is stored was asked for in the very words that it is found by.

import Bytes
import HTTPSemantics
import HTTPWire

/// Read off a request when it is needed; allocates nothing.
struct RequestCodings {
    private var accepted = AcceptedCodings()
    private let isReduced: Bool

    init(_ request: AdmittedRequest) {
        isReduced = request.entry?.mayHaveStored == true
        guard request.head.contains(.acceptEncoding) else { return }
        let bytes = request.bytes
        // What Connection names ends here.
        for field in request.head.fields
        where field.known == .acceptEncoding && !request.head.isNamedByConnection(field, in: bytes) {
            accepted.add(bytes.extracting(field.value))
        }
    }

    /// Appends Accept-Encoding as it is part of a variant's key; nothing for a request without it.
    /// - Returns: whether there was something.
    func appendKeyed(to text: inout [UInt8]) -> Bool {
        accepted.append(to: &text)
        return accepted.isPresent
    }

    /// Accept-Encoding as the origin is sent it; empty for none, nil for the client's own. What may be stored is asked for in
    /// the key's form, and so is what passes by the cache on such a route: it may turn out to be of use to others.
    var forwarded: [UInt8]? {
        guard isReduced else { return nil }
        var text: [UInt8] = []
        accepted.append(to: &text)
        return text
    }

    /// For people: what stands in a variant's key; nil for nothing.
    var keyed: String? {
        var text: [UInt8] = []
        return appendKeyed(to: &text) ? String(decoding: text, as: UTF8.self) : nil
    }
}
