// `routes`: each route on its own, then routes that match the same requests.

import Configuration

/// A route while it is read.
struct RouteDraft {
    /// Until `path` is read, and if it is faulty, one that matches everything.
    var route: Route
    /// nil if `path` is missing or faulty.
    var path: PathPattern?
}

enum RouteReader {
    /// What a route says, in the order in which it is read. `path` comes first: other keys refer to its parameters.
    private static let parts: [Part<RouteDraft>] = [readPath, readHost, readUpstream, readUpgrade, CacheReader.read]

    static func read(_ file: KeyedValues, into configuration: inout Configuration) {
        let reading = file.reading
        let hint = "add a route: - {path: \"/{rest...}\", upstream: NAME}"
        guard let node = file.node("routes") else {
            reading.faults.add(file.position, "`routes` is missing, so nothing would be served", hint: hint)
            return
        }
        switch node.content {
        case .invalid: return
        case .sequence(let nodes) where !nodes.isEmpty:
            var lines: [String: Int] = [:]
            var placed: [HiddenRoutes.Placed] = []
            for node in nodes where !reading.faults.isFull {
                guard let keys = KeyedValues(node, path: "routes.*", in: reading), let route = readRoute(keys)
                else { continue }
                configuration.routes.append(route)
                placed.append((route, keys.position(of: "path")))
                rejectDuplicate(of: route, keys, &lines)
            }
            HiddenRoutes.warn(placed, in: reading.faults)
            // A faulty route may be the one that was to use it.
            for upstream in reading.upstreams.unused where reading.faults.count == 0 {
                reading.faults.warn(
                    upstream.position, "no route uses the upstream \(quoted(upstream.name))",
                    hint: "add a route, or remove it")
            }
        case .sequence:
            reading.faults.add(node.position, "`routes` is empty, so nothing would be served", hint: hint)
        case .scalar where node.isNull:
            reading.faults.add(node.position, "`routes` is empty, so nothing would be served", hint: hint)
        case .scalar, .mapping:
            reading.faults.add(
                node.position, "expected a list of routes, found \(node.kind)", hint: "start each with `- path: …`")
        }
    }

    /// nil without a valid path.
    private static func readRoute(_ keys: KeyedValues) -> Route? {
        var draft = RouteDraft(route: Route(path: .everything, upstream: ""))
        for part in parts { part(keys, &draft) }
        return draft.path == nil ? nil : draft.route
    }

    private static func rejectDuplicate(of route: Route, _ keys: KeyedValues, _ lines: inout [String: Int]) {
        let identity = "\(route.host) \(route.path.shape)"
        let position = keys.position(of: "path")
        if let line = lines[identity] {
            keys.fault(
                at: "path", "this route matches the same requests as the one on line \(line)",
                hint: "change `path` or `host`")
        } else {
            lines[identity] = position.line
        }
    }

    // MARK: - Keys

    private static func readPath(_ keys: KeyedValues, into draft: inout RouteDraft) {
        guard !keys.reportsList("path", plural: "paths") else { return }
        guard let node = keys.node("path") else {
            keys.reading.faults.add(
                keys.position, "the route has no `path`", hint: "path: /{rest...} matches every path")
            return
        }
        keys.read("path", into: &draft.path) { text throws(ValueFault) in
            do throws(ValueFault) { return try PathPattern(parsing: text) } catch {
                guard let advice = PathSpelling.advice(for: text), ValueAdvice.hint(for: text) == nil else {
                    throw error
                }
                throw ValueFault(advice.message, hint: advice.hint)
            }
        }
        guard let path = draft.path else { return }
        draft.route.path = path
        if case .scalar(let text, _) = node.content, let advice = PathSpelling.advice(for: text) {
            keys.warn(at: "path", advice.message, hint: advice.hint)
        }
    }

    private static func readHost(_ keys: KeyedValues, into draft: inout RouteDraft) {
        guard !keys.reportsList("host", plural: "hosts") else { return }
        keys.read("host", into: &draft.route.host) { text throws(ValueFault) in try HostPattern(parsing: text) }
    }

    private static func readUpstream(_ keys: KeyedValues, into draft: inout RouteDraft) {
        keys.read("upstream", into: &draft.route.upstream) { text throws(ValueFault) in
            try keys.reading.upstreams.use(text)
        }
        if keys.node("upstream") == nil {
            keys.reading.faults.add(
                keys.position, "the route has no `upstream`", hint: "name an entry of `upstreams`")
        }
    }

    private static func readUpgrade(_ keys: KeyedValues, into draft: inout RouteDraft) {
        keys.read("upgrade", into: &draft.route.upgrade)
    }
}
