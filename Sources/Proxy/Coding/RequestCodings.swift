// Which content codings a request accepts (RFC 9110 §12.5.3), as its key and the origin are told: in one reduced form, so that
// what is stored was asked for in the very words that it is found by.
//
// Where the route compresses, the key has the one coding that the response is sent in, and the origin is asked for none: what it
// sends is coded here, once for all clients that want the same.

import Bytes
import HTTPSemantics
import HTTPWire

/// Read off a request when it is needed; allocates nothing.
struct RequestCodings {
    private var accepted = AcceptedCodings()
    /// The coding that the route puts its response in; nil for none.
    private(set) var coding: ContentCoding?
    /// The route compresses, and the request accepts a response without a coding, or in one of the route's.
    private(set) var isServed = false
    private let isReduced: Bool
    /// The request asks for a range, which is one of content without a coding.
    private var isPart = false

    init(_ request: AdmittedRequest) {
        isReduced = request.entry?.mayHaveStored == true
        if request.head.contains(.acceptEncoding) {
            let bytes = request.bytes
            // What Connection names ends here.
            for field in request.head.fields
            where field.known == .acceptEncoding && !request.head.isNamedByConnection(field, in: bytes) {
                accepted.add(bytes.extracting(field.value))
            }
        }
        guard let compression = request.entry?.compression else { return }
        // A range is one of content that is the same tomorrow.
        isPart = request.head.method == .get && request.head.contains(.range)
        // Parts aren't coded: one that may not be sent without a coding passes as it comes.
        if !isPart { coding = accepted.preferred(among: compression.codings) }
        isServed = coding != nil || !accepted.refusesIdentity
    }

    /// Appends Accept-Encoding as it is part of a variant's key; nothing for a request without it.
    /// - Returns: whether there was something.
    func appendKeyed(to text: inout [UInt8]) -> Bool {
        if isServed {
            Self.append(coding, to: &text)
            return true
        }
        accepted.append(to: &text)
        return accepted.isPresent
    }

    /// The same of a response in that coding, whatever the request accepts.
    static func append(_ coding: ContentCoding?, to text: inout [UInt8]) { text.append(coding?.name ?? "identity") }

    /// Accept-Encoding as the origin is sent it; empty for none, nil for the client's own. What may be stored is asked for in
    /// the key's form, and so is what passes by the cache on such a route: it may turn out to be of use to others.
    var forwarded: [UInt8]? {
        if isServed { return Array("identity".utf8) }
        guard isReduced else { return nil }
        var text: [UInt8] = []
        accepted.append(to: &text)
        return text
    }

    /// For people: in which coding a response would be sent on a route that compresses.
    var sentence: String {
        if let coding {
            return
                "Responses that are worth it are sent with Content-Encoding: \(coding.name), of the route's codings the "
                + "one that the request likes best."
        }
        if !isServed {
            return "The request accepts none of the route's codings, and no response without one: what the upstream "
                + "sends is passed on."
        }
        return isPart
            ? "The request asks for a range, which is one of uncompressed content."
            : "The request doesn't accept any of the route's codings, or likes none of them better than no coding."
    }

    /// For people: what stands in a variant's key; nil for nothing.
    var keyed: String? {
        var text: [UInt8] = []
        return appendKeyed(to: &text) ? String(decoding: text, as: UTF8.self) : nil
    }
}
