// The routes of a file and of those that it includes, each with what `defaults` says and the route doesn't.

import Configuration

enum RouteNodes {
    /// The nodes of all routes, defaults merged in; what is wrong with the lists is reported.
    static func all(of file: KeyedValues) -> [YAMLNode] {
        let reading = file.reading
        let general = defaults(of: file)
        var nodes: [YAMLNode] = []
        var lists: [YAMLNode] = []
        for included in [file] + reading.included {
            guard let node = included.node("routes") else { continue }
            let isMain = included.position.file == file.position.file
            let own = isMain ? general : merged(defaults(of: included), over: general, in: reading)
            lists.append(node)
            for route in list(node, in: reading) {
                nodes.append(
                    own.map { merged(route, over: applicable($0, to: route, in: reading), in: reading) } ?? route)
            }
        }
        if nodes.isEmpty, lists.allSatisfy(\.isEmptyList) {
            let what = lists.isEmpty ? "missing" : "empty"
            reading.faults.add(
                lists.first?.position ?? file.position, "`routes` is \(what), so nothing would be served",
                hint: "add a route: - {path: \"/{rest...}\", upstream: NAME}")
        }
        return nodes
    }

    private static func list(_ node: YAMLNode, in reading: Reading) -> [YAMLNode] {
        switch node.content {
        case .invalid: return []
        case .sequence(let nodes): return nodes
        case .scalar where node.isNull: return []
        case .scalar, .mapping:
            reading.faults.add(
                node.position, "expected a list of routes, found \(node.kind)", hint: "start each with `- path: …`")
            return []
        }
    }

    // MARK: Defaults

    /// What a route says of itself alone.
    private static let routesOwn: Set<String> = ["path", "paths", "rewrite", "respond", "redirect"]

    /// Keys of which a route has one: where it says one, the default of another is not its own.
    private static let alternatives: [Set<String>] = [
        ["host", "hosts"], ["query_allow", "query_deny"], ["upstream", "respond", "redirect"], ["strip", "rewrite"],
    ]

    /// The mapping `defaults` without what can't be a default, which is reported. Nil if there is none.
    private static func defaults(of file: KeyedValues) -> YAMLNode? {
        let reading = file.reading
        guard let node = file.node("defaults"), let entries = reading.entries(of: node) else { return nil }
        // Keys are checked here, as there may be no route that takes them over.
        if let keys = KeyedValues(node, path: "routes.*", in: reading), case .mapping? = keys.node("cache")?.content {
            _ = keys.section("cache")
        }
        let known = KeyDescription.names(below: "routes.*")
        let pairs = entries.filter { entry in
            if routesOwn.contains(entry.name) {
                reading.faults.add(
                    entry.position, "\(quoted(entry.name)) can't be a default", hint: "each route has its own")
            }
            return known.contains(entry.name) && !routesOwn.contains(entry.name)
        }
        return YAMLNode(node.position, .mapping(pairs.map(entry)), isFlow: node.isFlow)
    }

    /// What of `defaults` means something for the route: one that responds itself asks no upstream.
    private static func applicable(_ defaults: YAMLNode, to route: YAMLNode, in reading: Reading) -> YAMLNode {
        guard case .mapping = route.content, let own = reading.entries(of: route),
            own.contains(where: { $0.name == "respond" || $0.name == "redirect" }),
            let entries = reading.entries(of: defaults)
        else { return defaults }
        let pairs = entries.filter { !ActionReader.forwardingKeys.contains($0.name) }
        return YAMLNode(defaults.position, .mapping(pairs.map(entry)), isFlow: defaults.isFlow)
    }

    private static func merged(_ node: YAMLNode?, over base: YAMLNode?, in reading: Reading) -> YAMLNode? {
        guard let node, let base else { return node ?? base }
        return merged(node, over: base, in: reading)
    }

    /// The mapping `node`, and what it doesn't say as `base` says it; mappings within it are merged in the same way.
    private static func merged(_ node: YAMLNode, over base: YAMLNode, in reading: Reading) -> YAMLNode {
        guard case .mapping = node.content, case .mapping = base.content, let own = reading.entries(of: node),
            let others = reading.entries(of: base)
        else { return node }
        var pairs = own.map(entry)
        let places = Dictionary(own.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
        for other in others {
            guard let place = places[other.name] else {
                let isReplaced = alternatives.contains { group in
                    group.contains(other.name) && group.contains { places[$0] != nil }
                }
                if !isReplaced { pairs.append(entry(other)) }
                continue
            }
            let value = mapping(own[place].value, of: other.name)
            pairs[place] = YAMLNode.Entry(
                key: pairs[place].key, value: merged(value, over: mapping(other.value, of: other.name), in: reading))
        }
        return YAMLNode(node.position, .mapping(pairs), isFlow: node.isFlow)
    }

    private static func entry(_ entry: Reading.Entry) -> YAMLNode.Entry {
        YAMLNode.Entry(key: YAMLNode(entry.position, .scalar(text: entry.name, isPlain: false)), value: entry.value)
    }

    /// `cache: 5m` is short for `cache: {timeout: 5m}`, and `cache: on` for an empty one.
    private static func mapping(_ node: YAMLNode, of name: String) -> YAMLNode {
        guard name == "cache", case .scalar(let text, isPlain: true) = node.content else { return node }
        switch text {
        case "on", "true", "True", "TRUE": return YAMLNode(node.position, .mapping([]), isFlow: true)
        default:
            guard let timeout = try? Milliseconds(parsing: text), timeout > .zero else { return node }
            let key = YAMLNode(node.position, .scalar(text: "timeout", isPlain: true))
            return YAMLNode(node.position, .mapping([YAMLNode.Entry(key: key, value: node)]), isFlow: true)
        }
    }
}

extension YAMLNode {
    fileprivate var isEmptyList: Bool {
        if case .sequence(let nodes) = content { return nodes.isEmpty }
        return isNull
    }
}
