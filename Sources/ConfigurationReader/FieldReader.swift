// `request` and `response` of a route: changes of header fields, and what other caches are told.

import Configuration

enum FieldReader {
    static func read(_ route: KeyedValues, into draft: inout RouteDraft) {
        if let keys = section(route, .request) { draft.route.request = readChanges(keys, of: .request, draft) }
        guard let keys = section(route, .response) else { return }
        let changes = readChanges(keys, of: .response, draft)
        draft.route.response = changes
        keys.read("cache_control", into: &draft.route.cacheControl) { text throws(ValueFault) in
            try CacheControlValue(parsing: text)
        }
        checkCacheControl(keys, changes)
    }

    private static func section(_ route: KeyedValues, _ side: FieldChanges.Side) -> KeyedValues? {
        guard let node = route.node(side.rawValue) else { return nil }
        if case .mapping = node.content { return route.section(side.rawValue) }
        if case .invalid = node.content { return nil }
        route.fault(
            at: side.rawValue, "expected set, add or remove, found \(node.kind)",
            hint: "write \(side.rawValue): {set: {X-Name: value}}")
        return nil
    }

    // MARK: - Changes

    private static func readChanges(
        _ keys: KeyedValues, of side: FieldChanges.Side, _ draft: RouteDraft
    ) -> FieldChanges {
        var changes = FieldChanges()
        changes.set = readLines(keys, .set, of: side, draft)
        changes.add = readLines(keys, .add, of: side, draft)
        changes.remove = readNames(keys, of: side)
        // What happened first would decide.
        for (change, others) in [
            (FieldChanges.Change.add, changes.set.map(\.name)), (.remove, changes.set.map(\.name)),
        ] {
            let names = change == .add ? changes.add.map(\.name) : changes.remove
            let taken = Set(others.map(FieldChanges.folded))
            for name in names where taken.contains(FieldChanges.folded(name)) {
                keys.fault(
                    at: change.rawValue, "\(quoted(name)) is under `set` and under `\(change.rawValue)`",
                    hint: change == .remove ? "`set` replaces what was there: keep that" : "keep one")
            }
        }
        return changes
    }

    private static func readNames(_ keys: KeyedValues, of side: FieldChanges.Side) -> [String] {
        if case .mapping? = keys.node("remove")?.content {
            keys.fault(at: "remove", "expected a list of header names, found a mapping", hint: "write [X-Name]")
            return []
        }
        let names = keys.list("remove") { text throws(ValueFault) in
            if let refusal = FieldChanges.refusal(of: text, .remove, in: side) { throw refusal }
            return Name(text: text)
        }
        return keys.reportingDuplicates(names ?? []) { "the header \(quoted($0.text))" }.map(\.text)
    }

    /// Headers with their values, those of `add` with several if need be.
    private static func readLines(
        _ keys: KeyedValues, _ change: FieldChanges.Change, of side: FieldChanges.Side, _ draft: RouteDraft
    ) -> [FieldChanges.Line] {
        let key = change.rawValue
        guard let node = keys.node(key) else { return [] }
        let reading = keys.reading
        guard case .mapping = node.content else {
            if case .invalid = node.content { return [] }
            keys.fault(
                at: key, "expected headers with their values, found \(node.kind)", hint: "write {X-Name: value}")
            return []
        }
        var lines: [FieldChanges.Line] = []
        var positions: [Name: Int] = [:]
        for entry in reading.entries(of: node) ?? [] {
            if let refusal = FieldChanges.refusal(of: entry.name, change, in: side) {
                reading.faults.add(entry.position, refusal.message, hint: refusal.hint)
                continue
            }
            if let line = positions.updateValue(entry.position.line, forKey: Name(text: entry.name)) {
                reading.faults.add(
                    entry.position, "the header \(quoted(entry.name)) is listed twice", hint: "first on line \(line)")
                continue
            }
            for node in values(of: entry, change, in: reading) {
                let value = reading.value(of: node, key: entry.name, isTemplate: true) { text throws(ValueFault) in
                    try FieldValue(parsing: text, path: draft.path)
                }
                guard let value else { continue }
                warnOfVariable(value.text, node.position, in: reading)
                let isSecret = FieldChanges.isCredential(entry.name) || reading.hasVariable(node)
                lines.append(FieldChanges.Line(name: entry.name, value: value, isSecret: isSecret))
            }
        }
        return lines
    }

    private static func values(
        of entry: Reading.Entry, _ change: FieldChanges.Change, in reading: Reading
    ) -> [YAMLNode] {
        switch entry.value.content {
        case .scalar where entry.value.isNull:
            reading.faults.add(
                entry.value.position, "\(quoted(entry.name)) has no value",
                hint: "list it under `remove` to send none")
            return []
        case .sequence(let nodes):
            if change == .add { return nodes }
            reading.faults.add(
                entry.value.position, "\(quoted(entry.name)) takes one value, found a list", hint: "use `add`")
            return []
        case .scalar, .mapping, .invalid: return [entry.value]
        }
    }

    /// `$remote_addr` and the like.
    private static func warnOfVariable(_ text: String, _ position: Position, in reading: Reading) {
        let variables = [
            "$remote_addr": "{client_ip}", "$request_id": "{request_id}", "$http_host": "{host}", "$host": "{host}",
            "%[src]": "{client_ip}", "%[unique-id]": "{request_id}",
        ]
        // The longest first: $http_host contains no other, but others may.
        for (theirs, ours) in variables.sorted(by: { ($0.key.utf8.count, $0.key) > ($1.key.utf8.count, $1.key) })
        where text.contains(theirs) {
            return reading.faults.warn(position, "\(quoted(theirs)) is sent as it stands", hint: "write \(ours)")
        }
    }

    private static func checkCacheControl(_ keys: KeyedValues, _ changes: FieldChanges) {
        guard let line = changes.set.first(where: { Name(text: $0.name) == Name(text: "Cache-Control") }) else {
            return
        }
        if keys.node("cache_control") != nil {
            keys.fault(at: "cache_control", "`cache_control` and `set` both replace Cache-Control", hint: "keep one")
        } else if let value = try? CacheControlValue(parsing: line.value.text), value.allowsSharing {
            keys.warn(
                at: "set", "this Cache-Control is sent with every response, personal ones and errors included",
                hint: "use `cache_control`, which isn't, and whose seconds count from when a client gets the response")
        }
    }

    // MARK: - Together with the cache

    /// What the key and other caches make of it.
    static func check(_ route: KeyedValues, into draft: inout RouteDraft) {
        let changed = draft.route.request.set.map(\.name) + draft.route.request.add.map(\.name)
        if draft.route.compression != nil, changed.contains(where: { Name(text: $0) == Name(text: "Accept-Encoding") })
        {
            route.fault(
                at: "request", "the upstream is asked for uncompressed responses where `compress` is on",
                hint: "remove Accept-Encoding, or `compress`")
        }
        guard let key = draft.route.cache?.key else { return }
        let request = draft.route.request
        for name in request.set.map(\.name) + request.remove where key.names(field: name.lowercased()) {
            route.warn(
                at: "request", "the key contains the client's \(quoted(name)), which the upstream doesn't get",
                hint: "remove it from `key`")
        }
        if let value = draft.route.cacheControl, value.allowsSharing, key.dependsOnFields {
            route.warn(
                at: "response",
                "other caches would share what `cache_control` makes public, as they don't know the headers in `key`",
                hint: "write \"private, \(value.text.replacing("public, ", with: ""))\", or have the upstream send Vary"
            )
        }
    }

    /// Compared without regard to case (RFC 9110 §5.1), and `_` as `-`.
    private struct Name: Hashable {
        let text: String

        static func == (left: Name, right: Name) -> Bool {
            FieldChanges.folded(left.text) == FieldChanges.folded(right.text)
        }
        func hash(into hasher: inout Hasher) { hasher.combine(FieldChanges.folded(text)) }
    }
}

extension Reading {
    /// Whether a value comes from the environment.
    fileprivate func hasVariable(_ node: YAMLNode) -> Bool {
        guard case .scalar(let text, _) = node.content else { return false }
        return text.contains("${")
    }
}

extension KeyTemplate {
    /// Whether two requests for one URL may have different keys.
    fileprivate var dependsOnFields: Bool {
        pieces.contains { piece in
            switch piece {
            case .header, .cookie: true
            case .literal, .lookup, .pathParameter, .queryParameter, .method, .scheme, .host, .path, .query, .body,
                .route, .standard:
                false
            }
        }
    }
}
