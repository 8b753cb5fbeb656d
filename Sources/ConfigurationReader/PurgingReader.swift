// The keys of `cache` that say what is invalidated together: `tags` and `invalidates`.

import Configuration

enum PurgingReader {
    /// Entries of either list.
    static let most = 32

    static func read(_ keys: KeyedValues, into cache: inout CacheSettings) {
        readTags(keys, &cache)
        let targets = keys.list("invalidates") { text throws(ValueFault) in try InvalidatedTarget(parsing: text) }
        guard let targets else { return }
        cache.invalidates = bounded(
            keys.reportingDuplicates(targets) { "the target \(quoted($0.text))" }, "invalidates", keys)
    }

    /// A single `keep` or `remove` is what `tag_headers` says.
    private static func readTags(_ keys: KeyedValues, _ cache: inout CacheSettings) {
        if let node = keys.node("tags"), case .scalar(let text, _) = node.content,
            let headers = CacheSettings.TagHeaders(rawValue: text)
        {
            if keys.node("tag_headers") != nil {
                keys.fault(at: "tags", "\(quoted(text)) is given twice", hint: "remove tags: \(text)")
            }
            cache.tagHeaders = headers
            return
        }
        let tags = keys.list("tags") { text throws(ValueFault) in try ParameterTemplate(tag: text) }
        guard let tags else { return }
        cache.tags = bounded(keys.reportingDuplicates(tags) { "the tag \(quoted($0.text))" }, "tags", keys)
    }

    private static func bounded<Entry>(_ entries: [Entry], _ key: String, _ keys: KeyedValues) -> [Entry] {
        if entries.count > most { keys.fault(at: key, "more than \(most) entries in \(quoted(key))") }
        return entries
    }

    // MARK: - Combinations

    static func check(_ keys: KeyedValues, _ cache: CacheSettings, _ draft: RouteDraft) {
        guard !draft.paths.isEmpty else { return }
        for tag in cache.tags { checkNames(of: tag, "tags", draft, keys) }
        for target in cache.invalidates {
            checkNames(of: target.template, "invalidates", draft, keys)
            if target.isPrefix, keys.reading.usesRedis, !keys.reading.hasWarnedOfPrefixes {
                keys.reading.hasWarnedOfPrefixes = true
                keys.warn(
                    at: "invalidates",
                    "\(quoted(target.text)) reaches what this process serves, until it restarts; other processes on the same Redis don't learn of it",
                    hint: "list single URLs where that matters: they are deleted from Redis")
            }
            if target.isPrefixWithinQuery {
                keys.warn(
                    at: "invalidates",
                    "\(quoted(target.text)) reaches only requests whose query begins with just this",
                    hint: "end it with ?* to reach every query")
            }
            if !target.isPrefix, draft.paths.contains(where: { $0.value.description == target.text }) {
                keys.warn(
                    at: "invalidates",
                    "\(quoted(target.text)) is the route's own path, which is invalidated in any case",
                    hint: "remove it, or add ?* for its queries")
            }
        }
        if !cache.tags.isEmpty, cache.methods.isEmpty {
            keys.fault(at: "tags", "`tags` has no effect: `methods` is empty", hint: "remove it")
        }
    }

    private static func checkNames(
        of template: ParameterTemplate, _ key: String, _ draft: RouteDraft, _ keys: KeyedValues
    ) {
        let known = draft.parameterNames
        for name in template.names where !known.contains(name) {
            let near = nearestName(to: name, among: known).map { "did you mean {\($0)}?" }
            keys.fault(
                at: key, "\(quoted("{\(name)}")) is not a parameter of the path \(quoted(draft.route.pathText))",
                hint: near
                    ?? (known.isEmpty
                        ? "the path has no parameters" : "known parameters: \(known.joined(separator: ", "))"))
        }
    }
}
