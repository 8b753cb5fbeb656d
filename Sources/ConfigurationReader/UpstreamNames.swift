// The names of `upstreams`, for what refers to them.

import Configuration

/// All names, those of faulty upstreams included, so that routes to these are not reported as well.
struct UpstreamNames {
    private var known: [String: (position: Position, isUsed: Bool)] = [:]

    /// Whether `upstreams` can't be read, so that nobody knows which names there are.
    var areUnknown = false

    /// - Returns: where the name was defined before; nil if it wasn't.
    mutating func define(_ name: String, at position: Position) -> Position? {
        if let first = known[name] { return first.position }
        known[name] = (position, false)
        return nil
    }

    /// The name, if there is an upstream of that name.
    mutating func use(_ name: String) throws(ValueFault) -> String {
        guard known[name] != nil || areUnknown else { throw unknown(name) }
        known[name]?.isUsed = true
        return name
    }

    /// Those that nothing has used.
    var unused: [(name: String, position: Position)] {
        known.filter { !$0.value.isUsed }.map { ($0.key, $0.value.position) }
    }

    private func unknown(_ name: String) -> ValueFault {
        if name.contains("://") {
            return ValueFault(
                "\(quoted(name)) is not the name of an upstream",
                hint: "add upstreams: {api: \(name.prefix(60))}, and write upstream: api")
        }
        let names = known.keys.sorted()
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
