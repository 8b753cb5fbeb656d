// Which header fields a route can't change: those of one connection, those that frame or describe the content, and those that
// Larder writes or decides by itself.

import Bytes

extension FieldChanges {
    /// Why a route can't change a field; nil if it can.
    /// - Parameter name: as written; `_` counts as `-`, as many servers take it.
    package static func refusal(of name: String, _ change: Change, in side: Side) -> ValueFault? {
        guard !name.isEmpty, name.utf8.allSatisfy(isTokenByte) else {
            let trimmed = name.split(separator: ":", maxSplits: 1)
            return ValueFault(
                "\(quoted(name)) is not a header name",
                hint: trimmed.count == 2 && change != .remove
                    ? "write {\(trimmed[0]): \"\(trimmed[1].drop { $0 == " " })\"}" : nil)
        }
        if name.contains("*") {
            return ValueFault("\(quoted(name)): header names have no patterns", hint: "list each name")
        }
        let folded = folded(name)
        let shown = quoted(name)
        if let hint = ofConnection[folded] {
            return ValueFault("\(shown) belongs to one connection, so a route can't \(change.rawValue) it", hint: hint)
        }
        if let hint = written(by: side)[folded] {
            return ValueFault("Larder writes \(shown) itself, so a route can't \(change.rawValue) it", hint: hint)
        }
        if ofContent.contains(folded) {
            return ValueFault("\(shown) describes the content, which Larder passes on as it is")
        }
        switch side {
        case .request where conditions.contains(folded):
            return ValueFault(
                "Larder decides by \(shown) what it asks the upstream for, so a route can't \(change.rawValue) it")
        case .response where validators.contains(folded) && change != .remove:
            return ValueFault("\(shown) is the API's: Larder revalidates with it", hint: "a route can only remove it")
        case .response where folded == "vary" && change != .add:
            return ValueFault(
                "\(shown) says which responses caches may not mix up, so a route can't \(change.rawValue) it",
                hint: "names can be added: add: {Vary: Origin}")
        case .response where folded == "content-type" && change == .remove:
            return ValueFault("without \(shown) clients guess what the content is", hint: "use `set`")
        default: break
        }
        if change == .add, singletons.contains(folded) {
            return ValueFault("\(shown) can stand in a message only once", hint: "use `set`")
        }
        return nil
    }

    /// Equal for names that servers may take for one another.
    package static func folded(_ name: String) -> String {
        String(decoding: name.utf8.map { $0 == UInt8(ascii: "_") ? UInt8(ascii: "-") : lowercase($0) }, as: UTF8.self)
    }

    /// Whether values of the field are never shown.
    package static func isCredential(_ name: String) -> Bool {
        ["authorization", "cookie", "set-cookie", "x-api-key", "x-auth-token"].contains(folded(name))
    }

    private static let ofConnection: [String: String?] = [
        "connection": nil, "keep-alive": nil, "proxy-connection": nil, "te": nil, "transfer-encoding": nil,
        "trailer": nil, "proxy-authenticate": nil, "proxy-authorization": nil, "proxy-authentication-info": nil,
        "http2-settings": nil, "upgrade": "`upgrade: on` lets WebSocket through",
    ]

    private static func written(by side: Side) -> [String: String?] {
        switch side {
        case .request: writtenInRequests
        case .response: writtenInResponses
        }
    }

    private static let writtenInRequests: [String: String?] = [
        "host": "`host: upstream` in the upstream sends it the host of its own URL", "content-length": nil,
        "via": nil, "expect": nil, "max-forwards": nil,
        "forwarded": "it names the client; see `server.trusted_proxies`",
        "x-forwarded-for": "it names the client; see `server.trusted_proxies`",
        "x-forwarded-proto": "see `server.trusted_proxies`", "x-forwarded-host": "see `server.trusted_proxies`",
        "x-request-id": "for another name, write set: {X-Correlation-Id: \"{request_id}\"}",
    ]

    private static let writtenInResponses: [String: String?] = [
        "content-length": nil, "via": nil, "date": nil, "age": nil, "proxy-status": nil,
        "x-cache": "`server.x_cache: off` turns it off", "cache-status": "`server.cache_status: off` turns it off",
    ]

    private static let ofContent: Set<String> = ["content-encoding", "content-range"]

    private static let conditions: Set<String> = [
        "if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "range",
    ]

    private static let validators: Set<String> = ["etag", "last-modified"]

    private static let singletons: Set<String> = [
        "authorization", "content-disposition", "content-language", "content-location", "content-type", "cookie",
        "expires", "location", "origin", "referer", "retry-after", "server", "user-agent",
    ]
}
