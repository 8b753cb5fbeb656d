// `/explain?method=&url=&h=`: what Larder would do with a request, and why. The described request is serialized here and sent
// to a worker. With POST, the content of the admin request is that of the described one.

import HTTPWire
import Proxy
import Routing

extension AdminListener {
    func explain(_ request: AdminRequest, _ reply: @escaping (AdminResponse) -> Void) {
        let described: DescribedRequest
        do throws(DescriptionFault) { described = try DescribedRequest(request) } catch {
            return reply(.problem(400, "invalid-request", error.sentence))
        }
        ask(described) { explanation in reply(.json(200) { explanation.write(to: &$0) }) }
    }
}

/// Why the parameters don't describe a request.
struct DescriptionFault: Error {
    let sentence: String
}

extension DescribedRequest {
    /// Reads the query parameters `method`, `url` and `h` (repeatable).
    init(_ request: AdminRequest) throws(DescriptionFault) {
        guard let url = Self.text(request.parameter("url")) else {
            throw DescriptionFault(sentence: "the query parameter url= is missing or not percent-encoded")
        }
        guard let method = request.parameter("method").map(Self.text) ?? "GET" else {
            throw DescriptionFault(sentence: "method= is empty or not percent-encoded")
        }
        var fields: [String] = []
        for value in request.parameters("h") {
            guard let field = Self.text(value) else {
                throw DescriptionFault(sentence: "an h= is empty or not percent-encoded; use h=Name: value")
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
                sentence: "Content-Length and Transfer-Encoding can't be set; they follow from the content")
        }
        self.init(bytes: synthetic.bytes, scheme: synthetic.scheme, content: content)
    }

    /// Nil if it is missing, or can't be decoded.
    private static func text(_ bytes: [UInt8]?) -> String? {
        guard let bytes, !bytes.isEmpty else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}
