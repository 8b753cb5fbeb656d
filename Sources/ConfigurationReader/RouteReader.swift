// `routes`: each route on its own, then routes that match the same requests.

import Configuration

/// A route while it is read.
struct RouteDraft {
    /// Until its paths are read, and if these are faulty, one that matches everything.
    var route: Route
    /// Empty if `path` and `paths` are missing or faulty.
    var paths: [PathReader.Placed] = []

    /// The first of them.
    var path: PathPattern? { paths.first?.value }
    /// The parameters that templates may name: those that each path has.
    var parameterNames: [String] { Route.parameterNames(of: paths.map(\.value)) }
}

enum RouteReader {
    /// What a route says, in the order in which it is read. The paths come first: other keys refer to their parameters.
    private static let parts: [Part<RouteDraft>] = [
        PathReader.readPaths, PathReader.readHosts, ActionReader.read, ForwardingReader.read, readUpgrade,
        CompressionReader.read, FieldReader.read, CacheReader.read, FieldReader.check,
    ]

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
                guard let keys = KeyedValues(node, path: "routes.*", in: reading), let draft = readRoute(keys)
                else { continue }
                configuration.routes.append(draft.route)
                for (path, position) in draft.paths {
                    for host in draft.route.hosts { placed.append((path, host, position)) }
                }
                rejectDuplicates(of: draft, in: reading.faults, &lines)
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
    private static func readRoute(_ keys: KeyedValues) -> RouteDraft? {
        var draft = RouteDraft(route: Route(path: .everything, upstream: ""))
        for part in parts { part(keys, &draft) }
        return draft.paths.isEmpty ? nil : draft
    }

    private static func rejectDuplicates(of draft: RouteDraft, in faults: FaultList, _ lines: inout [String: Int]) {
        let isList = draft.paths.count > 1
        for (path, position) in draft.paths {
            var earlier: Int?
            for host in draft.route.hosts {
                let identity = "\(host) \(path.shape)"
                if let line = lines[identity] { earlier = earlier ?? line } else { lines[identity] = position.line }
            }
            guard let earlier else { continue }
            let what = isList ? "the path \(quoted(path.description))" : "this route"
            faults.add(
                position, "\(what) matches the same requests as the one on line \(earlier)",
                hint: isList ? "remove it, or change `hosts`" : "change `path` or `host`")
        }
    }

    // MARK: - Keys

    private static func readUpgrade(_ keys: KeyedValues, into draft: inout RouteDraft) {
        if let node = keys.node("upgrade"), keys.reading.isQuotedText(node) {
            keys.fault(at: "upgrade", "expected on or off, found quoted text", hint: "remove the quotes")
            return
        }
        let entries = keys.list("upgrade") { text throws(ValueFault) in try Route.upgrade(parsing: text) }
        guard let entries else { return }
        if entries.count > 1, entries.contains(where: \.value.isEmpty) {
            keys.fault(at: "upgrade", "off can't stand beside protocols")
        }
        draft.route.upgrade = keys.reportingDuplicates(entries) { "the protocol \(quoted($0))" }.filter { !$0.isEmpty }
    }
}
