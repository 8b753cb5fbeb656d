// `/explain?method=&url=&h=`: what a request would come to, and why. The described request becomes bytes here and goes to a
// worker; with POST the content of this request is that of the described one.

import HTTPWire
import Proxy
import Routing

extension AdminListener {
    func explain(_ request: AdminRequest, _ reply: @escaping (AdminAnswer) -> Void) {
        let described: DescribedRequest
        do throws(DescriptionFault) { described = try DescribedRequest(request) } catch {
            return reply(.problem(400, "invalid-request", error.sentence))
        }
        ask(described) { explanation in reply(.json(200) { explanation.write(to: &$0) }) }
    }
}

/// Why nothing can be explained of what was given.
struct DescriptionFault: Error {
    let sentence: String
}

extension DescribedRequest {
    /// Reads `method`, `url` and every `h` of a query.
    init(_ request: AdminRequest) throws(DescriptionFault) {
        guard let url = Self.text(request.parameter("url")) else {
            throw DescriptionFault(sentence: "the query has to say url= and a URL, percent-encoded")
        }
        guard let method = request.parameter("method").map(Self.text) ?? "GET" else {
            throw DescriptionFault(sentence: "method= is empty or not percent-encoded")
        }
        var fields: [String] = []
        for value in request.parameters("h") {
            guard let field = Self.text(value) else {
                throw DescriptionFault(sentence: "an h= is empty or not percent-encoded; it has to be Name: value")
            }
            fields.append(field)
        }
        try self.init(method: method, url: url, fields: fields, content: request.content)
    }

    init(method: String, url: String, fields: [String], content: [UInt8]) throws(DescriptionFault) {
        var fields = fields
        if !content.isEmpty { fields.append("Content-Length: \(content.count)") }
        let synthetic: SyntheticRequest
        do throws(SyntheticRequestFault) {
            synthetic = try SyntheticRequest(method: method, url: url, fields: fields)
        } catch {
            throw DescriptionFault(sentence: "\(error)")
        }
        switch synthetic.head.framing {
        case .none where content.isEmpty, .length(UInt64(content.count)): break
        case .none, .length, .chunked, .untilClose:
            throw DescriptionFault(
                sentence: "Content-Length and Transfer-Encoding can't be given; they follow from the content")
        }
        self.init(bytes: synthetic.bytes, scheme: synthetic.scheme, content: content)
    }

    /// Nil where there is none, or what is there can't be decoded.
    private static func text(_ bytes: [UInt8]?) -> String? {
        guard let bytes, !bytes.isEmpty else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}
