// What an explanation reads off its request: the target, and the values that select a variant.

import Bytes
import HTTPCaching
import HTTPSemantics
import HTTPWire

extension AdmittedRequest {
    var methodText: String {
        let line = bytes
        var end = 0
        while end < line.count && line[end] != 0x20 { end += 1 }
        return line.extracting(..<end).text()
    }

    /// As it was asked for; empty where the head could not be read.
    var urlText: String {
        guard head.length > 0 else { return "" }
        let authority = bytes.extracting(head.authority).text()
        return "\(scheme.text)://" + authority + String(decoding: target, as: UTF8.self)
    }

    /// The fields that a response varies by, with this request's values for them.
    func selectors(named names: Span<UInt8>) -> [Explanation.Selector] {
        var selectors: [Explanation.Selector] = []
        var walker = VaryNames()
        while let member = walker.next(in: names) {
            guard case .name(let range) = member else { continue }
            let name = names.extracting(range)
            var values: [String] = []
            ReceivedFields(request: self).forEachValue(of: name, except: { _ in false }, { values.append($0.text()) })
            let isSecret = entry?.requestFields?.hidesValue(of: name) ?? false
            var value: String?
            if !values.isEmpty, isSecret || Self.secrets.contains(FieldName.recognise(name)) {
                value = "(not shown)"
            } else if name.isCaseless("accept-encoding") {
                value = RequestCodings(self).keyed
            } else if !values.isEmpty {
                value = values.joined(separator: ", ")
            }
            selectors.append(Explanation.Selector(name: name.text(), value: value))
        }
        return selectors
    }

    /// What the route invalidates if this request succeeds.
    var declaredTargetTexts: [String] {
        declaredTargets.map { String(decoding: $0.target, as: UTF8.self) + ($0.isPrefix ? "*" : "") }
    }

    /// The server that it belongs to by the upstream's key.
    var preferredServer: String? {
        guard let key = balanceKey else { return nil }
        return entry?.group.preferredServer(for: key)?.address.description
    }

    /// The first credential that its key doesn't name, where the route gives lifetimes; with two ways out.
    var credential: (field: String, sentence: String)? {
        guard facts.hasCredentials, let entry, entry.givesLifetime,
            let name = entry.recipe.credentials.first(in: head, bytes)
        else { return nil }
        let field = bytes.extracting(name).text()
        let key: String
        let way: String
        switch FieldName.recognise(bytes.extracting(name)) {
        case .cookie:
            key = "the cookie in `key` ({cookie.NAME})"
            way = "set `cookies: ignore` if cookies make no difference to the response"
        case .authorization:
            key = "it in `key` ({header.authorization})"
            way = "set `allow_authorization: on` if every client may get the same response"
        default:
            key = "it in `key` ({header.\(field.lowercased())})"
            way = "set `credentials` to a list without it"
        }
        let sentence =
            "The request carries \(field), so the route's lifetime does not apply to it. To cache its response, name "
            + "\(key) for an entry per value, or \(way)."
        return (field, sentence)
    }

    private static let secrets: FieldSet = [.authorization, .proxyAuthorization, .cookie]
}
