// What `larder key` prints: route, key text and Redis key of a request described on the command line.

import Bytes
import Configuration
import HTTPSemantics
import HTTPWire

package struct KeyExplanation: Sendable {
    /// The index in `Configuration.routes`.
    package let route: Int
    /// Names and values of the path parameters, as written in the URL.
    package let parameters: [(name: String, value: String)]
    /// Whether the route caches this method; if not, nothing is ever stored under this key.
    package let isCached: Bool
    /// The condition of `cache.bypass` that the request meets; nil if none.
    package let bypass: String?
    package let keyText: String
    /// What else there is to say of the request: the path that the upstream is asked for if it isn't the client's, or what
    /// Larder responds itself. Nil for most.
    package let special: String?
    /// `store.prefix` and the MD5 of the key text in hex.
    package let redisKey: String
    /// The tags that the route gives to what is stored.
    package let tags: [String]

    /// - Parameters:
    ///   - fields: lines of the form `Name: value`.
    ///   - body: the content, if it is part of the key.
    ///   - basePaths: of each upstream that has one.
    package init(
        method: String, url: String, fields: [String], body: [UInt8], routes: [Route],
        basePaths: [String: String] = [:], by table: RouteTable,
        prefix: String, composer: inout KeyComposer
    ) throws(SyntheticRequestFault) {
        let request = try SyntheticRequest(method: method, url: url, fields: fields)
        let match = try composer.compose(request, by: table, body: body)
        route = match.route
        parameters = routes[match.route].parameterNames.enumerated().map { index, name in
            let place = match.parameter(at: index)
            return (name, String(decoding: request.bytes[place.lower..<place.upper], as: UTF8.self))
        }
        isCached = routes[match.route].cache?.methods.covers(request.head.method) ?? false
        let conditions = routes[match.route].cache?.bypass ?? []
        let bytes = request.bytes
        bypass = BypassRules(conditions)?.first(in: request.head, bytes.span).map { conditions[$0].text }
        keyText = composer.withText { text in String(decoding: text.indices.map { text[$0] }, as: UTF8.self) }
        redisKey = prefix + composer.digest.hex
        special = Self.special(request, match, routes[match.route], basePaths)
        let names = routes[match.route].parameterNames
        tags = (routes[match.route].cache?.tags ?? []).map { tag in
            var text = ByteBuffer()
            ParameterText(tag, parameters: names).appendTag(request.bytes.span, match, to: &text)
            return text.span.text()
        }
    }

    private static func special(
        _ request: borrowing SyntheticRequest, _ match: RouteMatch, _ route: Route, _ basePaths: [String: String]
    ) -> String? {
        switch route.action {
        case .forward(let upstream):
            guard let path = ForwardedPath(route, basePath: basePaths[upstream] ?? "") else { return nil }
            let text = path.text(request.head, request.bytes.span, match)
            return "forwarded: " + (text.map { String(decoding: $0, as: UTF8.self) } ?? "refused with 400")
        case .respond(let response): return "responds: \(response.status)"
        case .redirect(let redirect):
            var target = ByteBuffer()
            guard RedirectTarget(redirect, of: route).append(request.head, request.bytes.span, match, to: &target)
            else { return "redirects: refused with 400" }
            return "redirects: \(redirect.status) \(String(decoding: target.span.copied(), as: UTF8.self))"
        }
    }
}

extension CachedMethods {
    /// Whether responses to `method` are stored.
    package func covers(_ method: HTTPSemantics.Method) -> Bool {
        switch method {
        case .get: contains(CachedMethods.get)
        case .head: contains(CachedMethods.head)
        case .post: contains(CachedMethods.post)
        case .query: contains(CachedMethods.query)
        case .put, .delete, .connect, .options, .trace, .patch, .other: false
        }
    }
}
