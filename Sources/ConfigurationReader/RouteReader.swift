// `routes`, of the file and of those that it includes: each route on its own, then routes that match the same requests.

import Configuration

enum RouteReader {
    /// What a route says, in the order in which it is read. The paths come first: other keys refer to their parameters.
    private static let parts: [Part<RouteDraft>] = [
        PathReader.readPaths, PathReader.readHosts, ActionReader.read, ForwardingReader.read, readUpgrade,
        readTimeouts, OutageReader.read, CompressionReader.read, FieldReader.read, CacheReader.read, FieldReader.check,
    ]

    static func read(_ file: KeyedValues, into configuration: inout Configuration) {
        let reading = file.reading
        var first: [String: Position] = [:]
        var placed: [HiddenRoutes.Placed] = []
        var keyed: [SharedKeys.Placed] = []
        for node in RouteNodes.all(of: file) where !reading.faults.isFull {
            guard let keys = KeyedValues(node, path: "routes.*", in: reading), let draft = readRoute(keys)
            else { continue }
            configuration.routes.append(draft.route)
            for (path, position) in draft.paths {
                for host in draft.route.hosts { placed.append((path, host, position)) }
            }
            rejectDuplicates(of: draft, in: reading.faults, &first)
            if let position = draft.keyPosition { keyed.append((draft.route, position)) }
        }
        HiddenRoutes.warn(placed, in: reading.faults)
        SharedKeys.check(keyed, of: configuration, in: reading.faults)
        // A faulty route may be the one that was to use it.
        for upstream in reading.upstreams.unused where reading.faults.count == 0 {
            reading.faults.warn(
                upstream.position, "no route uses the upstream \(quoted(upstream.name))",
                hint: "add a route, or remove it")
        }
    }

    /// nil without a valid path.
    private static func readRoute(_ keys: KeyedValues) -> RouteDraft? {
        var draft = RouteDraft(route: Route(path: .everything, upstream: ""))
        for part in parts { part(keys, &draft) }
        return draft.paths.isEmpty ? nil : draft
    }

    private static func rejectDuplicates(
        of draft: RouteDraft, in faults: FaultList, _ first: inout [String: Position]
    ) {
        let isList = draft.paths.count > 1
        for (path, position) in draft.paths {
            var earlier: Position?
            for host in draft.route.hosts {
                let identity = "\(host) \(path.shape)"
                if let other = first[identity] { earlier = earlier ?? other } else { first[identity] = position }
            }
            guard let earlier else { continue }
            let what = isList ? "the path \(quoted(path.description))" : "this route"
            faults.add(
                position, "\(what) matches the same requests as the one on \(faults.line(of: earlier, from: position))",
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
    /// What a route says in place of its upstream.
    private static func readTimeouts(_ keys: KeyedValues, into draft: inout RouteDraft) {
        keys.read("retries", into: &draft.route.retries, in: 0...10)
        guard let node = keys.node("timeouts") else { return }
        if case .scalar(let text, _) = node.content, !node.isNull {
            keys.fault(
                at: "timeouts", "expected connect, first_byte and between_bytes, found text",
                hint: "write timeouts: {first_byte: \((try? Milliseconds(parsing: text)) == nil ? "30s" : text)}")
            return
        }
        guard let times = keys.section("timeouts") else { return }
        times.read("connect", into: &draft.route.timeouts.connect)
        times.read("first_byte", into: &draft.route.timeouts.firstByte)
        times.read("between_bytes", into: &draft.route.timeouts.betweenBytes)
    }
}
