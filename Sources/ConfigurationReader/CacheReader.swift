// `cache` of a route, and combinations that make no sense.

import Configuration

extension ConfigurationFile {
    static func readCache(_ route: KeyedValues, path: PathPattern?, in reading: Reading) -> CacheSettings? {
        guard let node = route.node("cache") else { return nil }
        // Unlike an empty section, an empty `cache` is ambiguous.
        guard !node.isNull else {
            route.fault(
                at: "cache", "`cache` has no value", hint: "write {} to cache with all defaults, or remove the key")
            return nil
        }
        guard let keys = KeyedValues(node, path: "routes.*.cache", in: reading) else { return nil }
        var cache = CacheSettings()
        if let methods = keys.list("methods", cachedMethod) {
            cache.methods = methods.reduce(into: []) { $0.formUnion($1.value) }
            if cache.methods.contains(.head), !cache.methods.contains(.get) {
                keys.fault(
                    at: "methods", "HEAD is served from stored GET responses, and GET is not listed", hint: "add GET")
            }
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
        readFreshness(keys, into: &cache, in: reading)
        keys.read("client_control", into: &cache.clientControl)
        SafetyReader.readCredentials(keys, into: &cache)
        SafetyReader.readPost(keys, into: &cache)
        keys.read("allow_set_cookie", into: &cache.allowSetCookie)
        keys.read("allow_authorization", into: &cache.allowAuthorization)
        keys.read("body_key", into: &cache.bodyKey)
        if cache.bodyKey > .mebibytes(64) {
            keys.fault(
                at: "body_key", "`body_key` can't be more than 64MiB",
                hint: "the body is held in memory to compute the key"
            )
        }
        cache.contentTypes = readContentTypes(keys, in: reading)
        keys.read("tags", into: &cache.tags)
        keys.read("strict", into: &cache.isStrict)
        if cache.isStrict, keys.node("key") == nil {
            keys.fault(
                at: "strict", "`strict: on` requires `key`",
                hint: "add one, such as key: \"{method}:{path}?{query}\"")
        }
        checkQuery(cache, keys)
        return cache
    }

    private static func cachedMethod(_ text: String) throws(ValueFault) -> CachedMethods {
        if let known = CachedMethods.named.first(where: { $0.name == text }) { return known.method }
        let upper = String(decoding: text.utf8.map { (97...122).contains($0) ? $0 - 32 : $0 }, as: UTF8.self)
        if CachedMethods.named.contains(where: { $0.name == upper }) {
            throw ValueFault("unknown method \(quoted(text))", hint: "methods are upper case: \(upper)")
        }
        throw ValueFault("\(quoted(text)) can't be cached", hint: "use GET, HEAD, POST or QUERY")
    }

    /// nil is all.
    private static func readContentTypes(_ keys: KeyedValues, in reading: Reading) -> [String]? {
        guard let ranges = keys.list("content_types", { text throws(ValueFault) in try mediaRange(parsing: text) })
        else { return nil }
        if case .sequence(let nodes)? = keys.node("content_types")?.content, nodes.isEmpty {
            keys.fault(
                at: "content_types", "`content_types` is empty, so nothing would be stored",
                hint: "remove it to store all types")
            return nil
        }
        return keys.reportingDuplicates(ranges) { "the type \(quoted($0))" }
    }

    private static func glob(_ text: String) throws(ValueFault) -> String {
        guard !text.isEmpty else { throw ValueFault("empty query parameter name") }
        return text
    }

    private static func check(_ template: KeyTemplate, against path: PathPattern) throws(ValueFault) {
        let names = path.parameterNames
        for case .pathParameter(let name, _) in template.pieces where !names.contains(name) {
            throw ValueFault(
                "\(quoted("{path.\(name)}")) is not a parameter of the path \(quoted(path.description))",
                hint: names.isEmpty
                    ? "the path has no parameters" : "known parameters: \(names.joined(separator: ", "))")
        }
    }

    private static func checkQuery(_ cache: CacheSettings, _ keys: KeyedValues) {
        let lists = ["query_allow", "query_deny"].filter { keys.node($0) != nil }
        if lists.count == 2 {
            keys.fault(at: "query_deny", "`query_allow` and `query_deny` are mutually exclusive", hint: "keep one")
        }
        if cache.query != .sorted, let list = lists.first {
            keys.fault(
                at: list, "\(quoted(list)) has no effect with `query: \(cache.query.rawValue)`", hint: "keep one")
        }
        if let key = cache.key, !key.pieces.contains(.query), !key.pieces.contains(.standard) {
            for name in ["query"] + lists where keys.node(name) != nil {
                keys.fault(
                    at: name, "\(quoted(name)) has no effect: `key` doesn't contain {query}",
                    hint: "add {query} to the key or remove \(quoted(name))")
            }
        }
    }
}
