// `routes`: each route on its own, then routes that match the same requests.

import Configuration

extension ConfigurationFile {
    static func readRoutes(
        _ file: KeyedValues, upstreamNames: Set<String>, into configuration: inout Configuration, in reading: Reading
    ) {
        let hint = "add a route: - {path: \"/{rest...}\", upstream: NAME}"
        guard let node = file.node("routes") else {
            reading.faults.add(file.position, "`routes` is missing, so nothing would be served", hint: hint)
            return
        }
        switch node.content {
        case .invalid: return
        case .sequence(let nodes) where !nodes.isEmpty:
            var lines: [String: Int] = [:]
            for node in nodes where !reading.faults.isFull {
                guard let keys = KeyedValues(node, path: "routes.*", in: reading),
                    let route = readRoute(keys, upstreamNames: upstreamNames, in: reading)
                else { continue }
                configuration.routes.append(route)
                rejectDuplicate(of: route, keys, &lines)
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

    /// nil without a valid path.
    private static func readRoute(
        _ keys: KeyedValues, upstreamNames: Set<String>, in reading: Reading
    ) -> Route? {
        var path: PathPattern?
        keys.read("path", into: &path) { text throws(ValueFault) in try PathPattern(parsing: text) }
        if keys.node("path") == nil {
            reading.faults.add(keys.position, "the route has no `path`", hint: "path: /{rest...} matches every path")
        }
        var upstream = ""
        keys.read("upstream", into: &upstream) { text throws(ValueFault) in
            guard upstreamNames.contains(text) else { throw unknownUpstream(text, upstreamNames) }
            return text
        }
        if keys.node("upstream") == nil {
            reading.faults.add(keys.position, "the route has no `upstream`", hint: "name an entry of `upstreams`")
        }
        var host = HostPattern.any
        keys.read("host", into: &host) { text throws(ValueFault) in try HostPattern(parsing: text) }
        var upgrade = false
        keys.read("upgrade", into: &upgrade)
        let cache = readCache(keys, path: path, in: reading)

        guard let path else { return nil }
        var route = Route(path: path, upstream: upstream)
        route.host = host
        route.upgrade = upgrade
        route.cache = cache
        return route
    }

    private static func unknownUpstream(_ name: String, _ known: Set<String>) -> ValueFault {
        let names = known.sorted()
        guard !names.isEmpty else {
            return ValueFault(
                "unknown upstream \(quoted(name))", hint: "add upstreams: {\(name): http://127.0.0.1:9000}")
        }
        return ValueFault(
            "unknown upstream \(quoted(name))",
            hint: nearestName(to: name, among: names.prefix(1_000)).map { "did you mean \(quoted($0))?" }
                ?? "known upstreams: \(names.prefix(10).joined(separator: ", "))")
    }
}
