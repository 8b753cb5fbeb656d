// `strip` and `rewrite` of a route: which path the upstream is asked for.

import Configuration

enum ForwardingReader {
    static func read(_ keys: KeyedValues, into draft: inout RouteDraft) {
        guard draft.route.upstream != nil else { return }
        if keys.node("strip") != nil, keys.node("rewrite") != nil {
            keys.fault(
                at: "strip", "`strip` and `rewrite` are mutually exclusive",
                hint: "`rewrite` says the whole path: keep it alone")
            return
        }
        readStrip(keys, into: &draft)
        readRewrite(keys, into: &draft)
    }

    private static func readStrip(_ keys: KeyedValues, into draft: inout RouteDraft) {
        if case .sequence? = keys.node("strip")?.content {
            keys.fault(at: "strip", "`strip` takes one value, found a list", hint: "write one route for each")
            return
        }
        var prefix: PathPattern?
        keys.read("strip", into: &prefix, self.prefix)
        guard let prefix else { return }
        draft.route.forwarding = .strip(prefix)
        for (path, _) in draft.paths where !path.begins(with: prefix) {
            keys.fault(
                at: "strip", "the path \(quoted(path.description)) does not begin with \(quoted(prefix.description))",
                hint: path.segments.count == 1 && path.takesAll
                    ? "write path: \(prefix)/{rest...}" : "`strip` removes the beginning of the route's own path")
            return
        }
    }

    /// `/api`, or `/api/`: the segments are what counts.
    private static func prefix(_ text: String) throws(ValueFault) -> PathPattern {
        guard text != "/", !text.isEmpty else {
            throw ValueFault("\(quoted(text)) removes nothing", hint: "remove `strip`")
        }
        let prefix = try PathPattern(parsing: text.hasSuffix("/") ? String(text.dropLast()) : text)
        guard prefix.parameterNames.isEmpty else {
            throw ValueFault(
                "\(quoted(text)) has a parameter, and `strip` removes literal text",
                hint: "use `rewrite`, which says what remains")
        }
        return prefix
    }

    private static func readRewrite(_ keys: KeyedValues, into draft: inout RouteDraft) {
        var template: PathTemplate?
        keys.read("rewrite", into: &template) { text throws(ValueFault) in try PathTemplate(parsing: text) }
        guard let template else { return }
        draft.route.forwarding = .rewrite(template)
        guard !draft.paths.isEmpty, hasParameters(template.parameterNames, keys, at: "rewrite", draft) else { return }
        let route = draft.route
        if let name = template.parameterNames.first(where: { route.takesRest($0) && !template.isLast($0) }) {
            keys.fault(
                at: "rewrite", "\(quoted("{\(name)}")) is the rest of the path and may be empty",
                hint: "it must be all of the last segment, as in /v2/{\(name)}")
        }
    }

    /// Whether each of the route's paths has these parameters; the first that one lacks is reported.
    /// - Parameter others: further names that may be used.
    static func hasParameters(
        _ names: [String], _ keys: KeyedValues, at key: String, _ draft: RouteDraft, others: [String] = []
    ) -> Bool {
        let known = draft.parameterNames
        guard let name = names.first(where: { !known.contains($0) }),
            let path = draft.paths.first(where: { !$0.value.parameterNames.contains(name) })?.value
        else { return true }
        let choice = known + others
        let hint: String
        if draft.paths.contains(where: { $0.value.parameterNames.contains(name) }) {
            hint = "a parameter must be in each of `paths`: write two routes"
        } else if let near = nearestName(to: name, among: choice) {
            hint = "did you mean {\(near)}?"
        } else if choice.isEmpty {
            hint = "the path has no parameters"
        } else {
            hint = "known parameters: \(choice.joined(separator: ", "))"
        }
        keys.fault(
            at: key, "\(quoted("{\(name)}")) is not a parameter of the path \(quoted(path.description))", hint: hint)
        return false
    }
}

extension PathPattern {
    fileprivate var takesAll: Bool { if case .rest? = segments.first { true } else { false } }
}
