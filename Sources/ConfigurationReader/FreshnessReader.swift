// The keys of `cache` about time: freshness, stale use, early refresh, and how long a request waits for another's fetch.

import Configuration

enum FreshnessReader {
    static func read(_ keys: KeyedValues, into cache: inout CacheSettings) {
        keys.read("timeout", into: &cache.timeout) { text throws(ValueFault) in
            try duration(text, of: "`timeout`", notZero: "remove it, or remove `cache` to store nothing")
        }
        cache.statuses = readStatuses(keys)
        keys.read("heuristic", into: &cache.heuristic, percentOrOff)
        keys.read("heuristic_cap", into: &cache.heuristicCap)
        if keys.node("heuristic_cap") != nil, isOff(keys.node("heuristic")) {
            keys.fault(
                at: "heuristic_cap", "`heuristic_cap` has no effect without `heuristic`", hint: "add heuristic: 10%")
        }
        keys.read("stale_while_revalidate", into: &cache.staleWhileRevalidate) { text throws(ValueFault) in
            try duration(text, of: "`stale_while_revalidate`", notZero: "remove it")
        }
        keys.read("stale_if_error", into: &cache.staleIfError) { text throws(ValueFault) in
            try duration(text, of: "`stale_if_error`", notZero: "remove it")
        }
        keys.read("keep", into: &cache.keep) { text throws(ValueFault) in try Milliseconds(parsing: text) }
        keys.read("jitter", into: &cache.jitter, percentOrOff)
        keys.read("early_refresh", into: &cache.earlyRefresh, percentOrOff)
        keys.read("collapse", into: &cache.collapse) { text throws(ValueFault) in
            isOff(text) ? nil : try duration(text, of: "`collapse`", notZero: "use off to never wait")
        }
        keys.read("background_fill", into: &cache.backgroundFill)
    }

    // MARK: - Statuses

    /// Sorted by precedence: exact statuses, classes, `any`.
    private static func readStatuses(_ keys: KeyedValues) -> [StatusTimeout] {
        guard let node = keys.node("statuses") else { return [] }
        let reading = keys.reading
        switch node.content {
        case .invalid: return []
        case .scalar where node.isNull:
            keys.fault(at: "statuses", "`statuses` has no value", hint: "remove the key to use its default")
            return []
        case .scalar(_, isPlain: false):
            keys.fault(
                at: "statuses", "expected statuses with durations, found quoted text",
                hint: "remove the quotes: {404: 10s, 5xx: 1s}")
            return []
        case .scalar, .sequence:
            keys.fault(
                at: "statuses", "expected statuses with durations, found \(node.kind)",
                hint: "write {404: 10s, 5xx: 1s}")
            return []
        case .mapping: break
        }
        var statuses: [StatusTimeout] = []
        var first: [StatusSelector: (name: String, position: Position)] = [:]
        for entry in reading.entries(of: node) ?? [] {
            let timeout = reading.value(of: entry.value, key: entry.name) { text throws(ValueFault) in
                try duration(text, of: "the duration of \(quoted(entry.name))", notZero: "remove it")
            }
            do {
                let selector = try StatusSelector(parsing: entry.name)
                if let twin = first[selector] {
                    reading.faults.add(
                        entry.position,
                        "\(quoted(entry.name)) duplicates \(quoted(twin.name)) on "
                            + reading.faults.line(of: twin.position, from: entry.position))
                } else {
                    first[selector] = (entry.name, entry.position)
                    if let timeout { statuses.append(StatusTimeout(selector, timeout)) }
                }
            } catch {
                reading.faults.add(entry.position, error.message, hint: error.hint)
            }
        }
        return statuses.sorted { $0.selector < $1.selector }
    }

    /// Invalid statuses are reported already and count as named here, so that they are not reported twice.
    static func namesNoStatus(_ node: YAMLNode?) -> Bool {
        guard let node else { return true }
        if case .mapping(let entries) = node.content { return entries.isEmpty }
        return false
    }

    // MARK: - Values

    private static func duration(
        _ text: String, of what: String, notZero hint: String
    ) throws(ValueFault) -> Milliseconds {
        let duration = try Milliseconds(parsing: text)
        guard duration > .zero else { throw ValueFault("\(what) can't be 0", hint: hint) }
        return duration
    }

    private static func percentOrOff(_ text: String) throws(ValueFault) -> Percent? {
        isOff(text) ? nil : try Percent(parsing: text)
    }

    private static func isOff(_ text: String) -> Bool { text == "off" || text == "false" }

    private static func isOff(_ node: YAMLNode?) -> Bool {
        guard let node else { return true }
        if case .scalar(let text, _) = node.content { return isOff(text) }
        return false
    }
}
