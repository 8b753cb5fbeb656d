// `cache` of a route, and combinations that make no sense.

import Configuration

enum CacheReader {
    /// What `cache` says, in the order in which it is read.
    private static let parts: [Part<CacheSettings>] = [
        readMethods, readKey, readMode, FreshnessReader.read, SafetyReader.readCredentials, SafetyReader.readPost,
        readStoring,
        readForwarding, readBypass, PurgingReader.read, RecordReader.read,
    ]
    /// What can't be said together.
    private static let checks: [@Sendable (KeyedValues, CacheSettings, RouteDraft) -> Void] = [
        checkMethods, checkForce, checkKey, checkQuery, checkStrict, warnOfSharing,
        PurgingReader.check, RecordReader.check,
    ]

    static func read(_ route: KeyedValues, into draft: inout RouteDraft) {
        guard let node = route.node("cache") else { return }
        // Unlike an empty section, an empty `cache` is ambiguous.
        guard !node.isNull else {
            route.fault(
                at: "cache", "`cache` has no value", hint: "write {} to cache with all defaults, or remove the key")
            return
        }
        if case .scalar = node.content {
            route.read("cache", into: &draft.route.cache, short)
            return
        }
        guard let keys = route.section("cache") else { return }
        var cache = CacheSettings()
        for part in parts { part(keys, &cache) }
        for check in checks { check(keys, cache, draft) }
        draft.route.cache = cache
        if cache.key != nil { draft.keyPosition = keys.position(of: "key") }
    }

    /// `on` caches with all defaults, `off` not at all, and a duration is the `timeout`.
    private static func short(_ text: String) throws(ValueFault) -> CacheSettings? {
        switch text {
        case "on", "true", "True", "TRUE": return CacheSettings()
        case "off", "false", "False", "FALSE": return nil
        default:
            guard let timeout = try? Milliseconds(parsing: text) else {
                throw ValueFault(
                    "expected keys, a duration, on or off, found \(quoted(text))", hint: "write cache: {timeout: 5m}")
            }
            guard timeout > .zero else { throw ValueFault("`timeout` can't be 0", hint: "write cache: off") }
            var cache = CacheSettings()
            cache.timeout = timeout
            return cache
        }
    }

    // MARK: - Keys

    private static func readMethods(_ keys: KeyedValues, into cache: inout CacheSettings) {
        guard let methods = keys.list("methods", cachedMethod) else { return }
        cache.methods = methods.reduce(into: []) { $0.formUnion($1.value) }
    }

    private static func readKey(_ keys: KeyedValues, into cache: inout CacheSettings) {
        keys.read("key", into: &cache.key) { text throws(ValueFault) in try KeyTemplate(parsing: text) }
        keys.read("query", into: &cache.query)
        if let allowed = keys.list("query_allow", glob) { cache.queryAllow = allowed.map(\.value) }
        if let denied = keys.list("query_deny", glob) { cache.queryDeny = denied.map(\.value) }
        keys.read("body_key", into: &cache.bodyKey)
        if cache.bodyKey > .mebibytes(64) {
            keys.fault(
                at: "body_key", "`body_key` can't be more than 64MiB",
                hint: "the body is held in memory to compute the key")
        }
    }

    private static func readMode(_ keys: KeyedValues, into cache: inout CacheSettings) {
        keys.read("mode", into: &cache.mode)
        keys.read("client_control", into: &cache.clientControl)
    }

    private static func readStoring(_ keys: KeyedValues, into cache: inout CacheSettings) {
        keys.read("allow_set_cookie", into: &cache.allowSetCookie)
        keys.read("allow_authorization", into: &cache.allowAuthorization)
        cache.contentTypes = readContentTypes(keys)
    }

    private static func readForwarding(_ keys: KeyedValues, into cache: inout CacheSettings) {
        keys.read("tag_headers", into: &cache.tagHeaders)
        keys.read("strict", into: &cache.isStrict)
    }

    private static func readBypass(_ keys: KeyedValues, into cache: inout CacheSettings) {
        if case .mapping? = keys.node("bypass")?.content {
            keys.fault(
                at: "bypass", "expected a list of conditions, found a mapping",
                hint: "write [cookie.session, query.nocache=1]")
            return
        }
        let conditions = keys.list("bypass") { text throws(ValueFault) in
            if text == "on" || text == "true" {
                throw ValueFault(
                    "`bypass` names what requests have, such as cookie.session", hint: "cache: off caches nothing")
            }
            return try BypassCondition(parsing: text)
        }
        cache.bypass = keys.reportingDuplicates(conditions ?? []) { "the condition \(quoted($0.text))" }
    }

    // MARK: - Values

    private static func cachedMethod(_ text: String) throws(ValueFault) -> CachedMethods {
        if let known = CachedMethods.named.first(where: { $0.name == text }) { return known.method }
        let upper = String(decoding: text.utf8.map { (97...122).contains($0) ? $0 - 32 : $0 }, as: UTF8.self)
        if CachedMethods.named.contains(where: { $0.name == upper }) {
            throw ValueFault("unknown method \(quoted(text))", hint: "methods are upper case: \(upper)")
        }
        throw ValueFault("\(quoted(text)) can't be cached", hint: "use GET, HEAD, POST or QUERY")
    }

    /// nil is all.
    private static func readContentTypes(_ keys: KeyedValues) -> [String]? {
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

    // MARK: - Combinations

    private static func checkMethods(_ keys: KeyedValues, _ cache: CacheSettings, _ draft: RouteDraft) {
        if cache.methods.contains(.head), !cache.methods.contains(.get) {
            keys.fault(
                at: "methods", "HEAD is served from stored GET responses, and GET is not listed", hint: "add GET")
        }
    }

    private static func checkForce(_ keys: KeyedValues, _ cache: CacheSettings, _ draft: RouteDraft) {
        if cache.mode == .force, keys.node("timeout") == nil, FreshnessReader.namesNoStatus(keys.node("statuses")) {
            keys.fault(at: "mode", "`mode: force` requires `timeout` or `statuses`", hint: "add timeout: 5m")
        }
    }

    private static func checkKey(_ keys: KeyedValues, _ cache: CacheSettings, _ draft: RouteDraft) {
        guard let key = cache.key, let path = draft.path else { return }
        let names = draft.parameterNames
        for piece in key.pieces {
            if let name = piece.parameterName, !names.contains(name),
                draft.paths.contains(where: { $0.value.parameterNames.contains(name) })
            {
                _ = ForwardingReader.hasParameters([name], keys, at: "key", draft)
                continue
            }
            switch piece {
            case .pathParameter(let name, _) where !names.contains(name):
                keys.fault(
                    at: "key", "\(quoted("{path.\(name)}")) is not a parameter of the path \(quoted(path.description))",
                    hint: names.isEmpty
                        ? "the path has no parameters" : "known parameters: \(names.joined(separator: ", "))")
            case .lookup(let name, nil) where !names.contains(name):
                let near = nearestName(to: name, among: names).map { "did you mean {\($0)}? " } ?? ""
                keys.fault(
                    at: "key", "\(quoted("{\(name)}")) is not a parameter of the path \(quoted(path.description))",
                    hint: near + (near.isEmpty ? "write" : "Write")
                        + " {query.\(name)} for a query parameter, or {\(name)|default}")
            case .lookup(let name, _?) where !names.contains(name):
                if let near = nearestName(to: name, among: names) {
                    keys.warn(
                        at: "key", "\(quoted("{\(name)|…}")) is no path parameter, so it is a query parameter here",
                        hint: "did you mean {\(near)}? Otherwise write {query.\(name)|…}")
                }
            default: break
            }
        }
    }

    /// What makes one client's response everybody's.
    private static func warnOfSharing(_ keys: KeyedValues, _ cache: CacheSettings, _ draft: RouteDraft) {
        SafetyReader.warnOfPost(keys, cache)
        guard cache.mode == .force else { return }
        let names = cache.key?.pieces ?? []
        if cache.allowAuthorization, !names.contains(where: { $0.isField("authorization") }) {
            keys.warn(
                at: "allow_authorization",
                "with `mode: force`, the response to one client's Authorization is served to all",
                hint: "add {header.authorization} to `key`, or remove `allow_authorization`")
        }
        if cache.allowSetCookie {
            keys.warn(
                at: "allow_set_cookie", "with `mode: force`, a cookie that was set for one client is sent to all",
                hint: "remove `allow_set_cookie` unless that cookie is the same for all")
        }
    }

    private static func checkStrict(_ keys: KeyedValues, _ cache: CacheSettings, _ draft: RouteDraft) {
        if cache.isStrict, keys.node("key") == nil {
            keys.fault(
                at: "strict", "`strict: on` requires `key`",
                hint: "add one, such as key: \"{method}:{path}?{query}\"")
        }
    }

    private static func checkQuery(_ keys: KeyedValues, _ cache: CacheSettings, _ draft: RouteDraft) {
        let lists = ["query_allow", "query_deny"].filter { keys.node($0) != nil }
        if lists.count == 2 {
            keys.fault(at: "query_deny", "`query_allow` and `query_deny` are mutually exclusive", hint: "keep one")
        }
        if cache.query != .sorted, let list = lists.first {
            keys.fault(
                at: list, "\(quoted(list)) has no effect with `query: \(cache.query.rawValue)`", hint: "keep one")
        }
        if let key = cache.key, !key.takesQuery {
            for name in ["query"] + lists where keys.node(name) != nil {
                keys.fault(
                    at: name, "\(quoted(name)) has no effect: `key` doesn't contain {query}",
                    hint: "add {query} to the key or remove \(quoted(name))")
            }
        }
    }
}

extension KeyTemplate.Piece {
    /// The name that may be a path parameter's.
    fileprivate var parameterName: String? {
        switch self {
        case .lookup(let name, _), .pathParameter(let name, _): name
        case .literal, .queryParameter, .header, .cookie, .method, .scheme, .host, .path, .query, .body, .route,
            .standard:
            nil
        }
    }

    fileprivate func isField(_ name: String) -> Bool {
        if case .header(name, _) = self { true } else { false }
    }
}
