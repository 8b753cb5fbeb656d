// `cache` of a route, and the combinations that make no sense.

import Configuration

extension ConfigurationFile {
    static func readCache(_ route: KeyedValues, path: PathPattern?, in reading: Reading) -> CacheSettings? {
        guard let node = route.node("cache") else { return nil }
        // Unlike a section's, an empty `cache` could mean either of two things.
        guard !node.isNull else {
            route.fault(
                at: "cache", "`cache` has no value", hint: "write {} to cache with all defaults, or leave the key out")
            return nil
        }
        guard let keys = KeyedValues(node, path: "routes.*.cache", in: reading) else { return nil }
        var cache = CacheSettings()
        if let methods = keys.list("methods", cachedMethod) {
            cache.methods = methods.reduce(into: []) { $0.formUnion($1.value) }
            if cache.methods.contains(.head), !cache.methods.contains(.get) {
                keys.fault(
                    at: "methods", "HEAD is answered from a stored GET, which is not cached here", hint: "add GET")
            }
        }
        keys.read("timeout", into: &cache.timeout) { text throws(ValueFault) in
            let timeout = try Milliseconds(parsing: text)
            guard timeout > .zero else {
                throw ValueFault("`timeout` can't be 0", hint: "leave it out, or leave out `cache` to store nothing")
            }
            return timeout
        }
        keys.read("key", into: &cache.key) { text throws(ValueFault) in
            let template = try KeyTemplate(parsing: text)
            if let path { try check(template, against: path) }
            return template
        }
        keys.read("query", into: &cache.query)
        if let allowed = keys.list("query_allow", glob) { cache.queryAllow = allowed.map(\.value) }
        if let denied = keys.list("query_deny", glob) { cache.queryDeny = denied.map(\.value) }
        keys.read("mode", into: &cache.mode)
        keys.read("client_control", into: &cache.clientControl)
        keys.read("allow_set_cookie", into: &cache.allowSetCookie)
        keys.read("allow_authorization", into: &cache.allowAuthorization)
        keys.read("body_key", into: &cache.bodyKey)
        if cache.bodyKey > .mebibytes(64) {
            keys.fault(
                at: "body_key", "`body_key` can't be more than 64MiB", hint: "such a body is held in memory to be keyed"
            )
        }
        if cache.mode == .force, keys.node("timeout") == nil {
            keys.fault(at: "mode", "`mode: force` needs a `timeout` to force", hint: "add timeout: 5m")
        }
        checkQuery(cache, keys)
        return cache
    }

    private static func cachedMethod(_ text: String) throws(ValueFault) -> CachedMethods {
        if let known = CachedMethods.named.first(where: { $0.name == text }) { return known.method }
        let upper = String(decoding: text.utf8.map { (97...122).contains($0) ? $0 - 32 : $0 }, as: UTF8.self)
        if CachedMethods.named.contains(where: { $0.name == upper }) {
            throw ValueFault("\(quoted(text)) is not a method", hint: "methods are upper case: \(upper)")
        }
        throw ValueFault("\(quoted(text)) can't be cached", hint: "GET, HEAD, POST and QUERY can")
    }

    private static func glob(_ text: String) throws(ValueFault) -> String {
        guard !text.isEmpty else { throw ValueFault("the name of a query parameter is empty") }
        return text
    }

    private static func check(_ template: KeyTemplate, against path: PathPattern) throws(ValueFault) {
        let names = path.parameterNames
        for case .pathParameter(let name, _) in template.pieces where !names.contains(name) {
            throw ValueFault(
                "the key's \(quoted("{path.\(name)}")) is not in the path \(quoted(path.description))",
                hint: names.isEmpty ? "it has no parameters" : "it has \(names.joined(separator: ", "))")
        }
    }

    private static func checkQuery(_ cache: CacheSettings, _ keys: KeyedValues) {
        let lists = ["query_allow", "query_deny"].filter { keys.node($0) != nil }
        if lists.count == 2 {
            keys.fault(at: "query_deny", "`query_allow` and `query_deny` exclude each other", hint: "keep one")
        }
        if cache.query != .sorted, let list = lists.first {
            keys.fault(
                at: list, "\(quoted(list)) has no meaning with `query: \(cache.query.rawValue)`", hint: "keep one")
        }
        if let key = cache.key, !key.pieces.contains(.query) {
            for name in ["query"] + lists where keys.node(name) != nil {
                keys.fault(
                    at: name, "\(quoted(name)) has no meaning for a `key` without {query}",
                    hint: "add {query} to the key or leave \(quoted(name)) out")
            }
        }
    }
}
