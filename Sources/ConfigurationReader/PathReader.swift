// `path`, `paths`, `host` and `hosts` of a route: which requests are its own.

import Configuration

enum PathReader {
    typealias Placed = (value: PathPattern, position: Position)

    static func readPaths(_ keys: KeyedValues, into draft: inout RouteDraft) {
        guard !reportsBoth(keys, "path", "paths"), !keys.reportsList("path", plural: "paths") else { return }
        if let entries = keys.list("paths", parse) {
            draft.paths = checked(entries, keys)
        } else if keys.node("path") != nil {
            var path: PathPattern?
            keys.read("path", into: &path, parse)
            guard let path else { return }
            draft.paths = [(path, keys.position(of: "path"))]
            warn(of: keys.node("path"), in: keys.reading)
        } else if keys.node("paths") == nil {
            keys.reading.faults.add(
                keys.position, "the route has no `path`", hint: "path: /{rest...} matches every path")
        }
        if !draft.paths.isEmpty { draft.route.paths = draft.paths.map(\.value) }
    }

    static func readHosts(_ keys: KeyedValues, into draft: inout RouteDraft) {
        guard !reportsBoth(keys, "host", "hosts"), !keys.reportsList("host", plural: "hosts") else { return }
        keys.read("host", into: &draft.route.host) { text throws(ValueFault) in try HostPattern(parsing: text) }
        guard let entries = keys.list("hosts", { text throws(ValueFault) in try HostPattern(parsing: text) }) else {
            return
        }
        if case .sequence(let nodes)? = keys.node("hosts")?.content, nodes.isEmpty {
            keys.fault(
                at: "hosts", "`hosts` is empty, so the route would match nothing", hint: "remove it for any host")
        }
        var hosts: [HostPattern] = []
        for host in keys.reportingDuplicates(entries, name: { "the host \(quoted($0.description))" })
        where !hosts.contains(host) { hosts.append(host) }
        if !hosts.isEmpty { draft.route.hosts = hosts }
    }

    /// Whether a route has one value and a list of them.
    private static func reportsBoth(_ keys: KeyedValues, _ one: String, _ several: String) -> Bool {
        guard let first = keys.node(one), let list = keys.node(several) else { return false }
        let texts = [first.text] + (list.elements ?? [list]).map(\.text)
        let all = texts.compactMap { $0 }.map { $0.contains(where: { "*{,".contains($0) }) ? "\"\($0)\"" : $0 }
        keys.fault(
            at: several, "\(quoted(one)) and \(quoted(several)) are mutually exclusive",
            hint: "write one list: \(several): [\(all.prefix(8).joined(separator: ", "))\(all.count > 8 ? ", …" : "")]")
        return true
    }

    private static func checked(_ entries: [Placed], _ keys: KeyedValues) -> [Placed] {
        guard let node = keys.node("paths") else { return [] }
        if node.elements?.isEmpty == true {
            keys.fault(
                at: "paths", "`paths` is empty, so the route would match nothing", hint: "write [/users, /people]")
        }
        for element in node.elements ?? [node] { warn(of: element, in: keys.reading) }
        var lines: [String: Int] = [:]
        return entries.filter { path, position in
            guard let line = lines.updateValue(lines[path.shape] ?? position.line, forKey: path.shape) else {
                return true
            }
            keys.reading.faults.add(
                position, "the path \(quoted(path.description)) is listed twice", hint: "first on line \(line)")
            return false
        }
    }

    private static func parse(_ text: String) throws(ValueFault) -> PathPattern {
        do throws(ValueFault) { return try PathPattern(parsing: text) } catch {
            guard let advice = PathSpelling.advice(for: text), ValueAdvice.hint(for: text) == nil else { throw error }
            throw ValueFault(advice.message, hint: advice.hint)
        }
    }

    /// What is allowed, and means something else elsewhere.
    private static func warn(of node: YAMLNode?, in reading: Reading) {
        guard let node, let text = node.text, (try? PathPattern(parsing: text)) != nil,
            let advice = PathSpelling.advice(for: text)
        else { return }
        reading.faults.warn(node.position, advice.message, hint: advice.hint)
    }
}

extension YAMLNode {
    /// Of a scalar, as it is written.
    fileprivate var text: String? { if case .scalar(let text, _) = content { text } else { nil } }
    /// Of a list.
    fileprivate var elements: [YAMLNode]? { if case .sequence(let nodes) = content { nodes } else { nil } }
}
