// Requests and routes for the suites of this target, in one line each.

import Bytes
import Configuration
import HTTPWire

@testable import Routing

/// A route from the text forms of the configuration file.
func route(_ path: String, host: HostPattern = .any, cache: CacheSettings? = CacheSettings()) throws -> Route {
    var route = Route(path: try PathPattern(parsing: path), upstream: "origin")
    route.host = host
    route.cache = cache
    return route
}

func cache(key: String) throws -> CacheSettings {
    var settings = CacheSettings()
    settings.key = try KeyTemplate(parsing: key)
    return settings
}

func cache(
    query: CacheSettings.Query = .sorted, allow: [String]? = nil, deny: [String] = []
) -> CacheSettings {
    var settings = CacheSettings()
    settings.query = query
    settings.queryAllow = allow
    settings.queryDeny = deny
    return settings
}

/// The match of a URL as text: the route's number and the captured texts, or why there is none.
func verdict(_ table: RouteTable, host: String = "example.com", path: String) -> String {
    let bytes = Array((host + path).utf8)
    let middle = host.utf8.count
    switch table.match(bytes.span, host: ByteRange(0, middle), path: ByteRange(middle, bytes.count)) {
    case .noRoute: return "none"
    case .refused(let fault): return "\(fault)"
    case .matched(let match):
        let values = (0..<match.parameterCount).map {
            let place = match.parameter(at: $0)
            return String(decoding: bytes[place.lower..<place.upper], as: UTF8.self)
        }
        return ([String(match.route)] + values).joined(separator: " ")
    }
}

/// The key text of a request to a table with a single route.
func keyText(_ route: Route, _ url: String, fields: [String] = []) throws -> String {
    try keyText(route, "GET", url, fields: fields)
}

func keyText(
    _ route: Route, _ method: String, _ url: String, fields: [String] = [], body: String = ""
) throws -> String {
    var composer = KeyComposer()
    let explanation = try KeyExplanation(
        method: method, url: url, fields: fields, body: Array(body.utf8), routes: [route],
        by: try RouteTable([route]), prefix: "larder:", composer: &composer)
    return explanation.keyText
}

/// The key text composed last.
func text(of composer: borrowing KeyComposer) -> String {
    let text = composer.text
    return String(decoding: text.indices.map { text[$0] }, as: UTF8.self)
}
