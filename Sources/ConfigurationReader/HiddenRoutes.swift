// Routes that lose requests to another one where their author may not expect it. Paths of one host never hide each other:
// the more specific one wins. A host, however, comes before every path.

import Configuration

enum HiddenRoutes {
    /// One path of a route for one of its hosts.
    typealias Placed = (path: PathPattern, host: HostPattern, position: Position)

    /// Comparisons in one file; past it the rest is not looked at.
    private static let comparisonsBound = 2_000_000

    /// Warns of each route without a host, or with `*.`, whose requests for a certain host go to a more general path of that
    /// host: `/healthz` beside `/{rest...}` of api.example.com.
    static func warn(_ routes: [Placed], in faults: FaultList) {
        let general = routes.filter { $0.host != .any && $0.path.hasParameters }
        guard !general.isEmpty, general.count * routes.count <= comparisonsBound else { return }
        var warned: Set<Position> = []
        for hidden in routes {
            guard let hiding = general.first(where: { hides($0, hidden) }), warned.insert(hidden.position).inserted
            else { continue }
            faults.warn(
                hidden.position,
                "requests for the host \(quoted(hiding.host.description)) go to the route on "
                    + faults.line(of: hiding.position, from: hidden.position)
                    + " instead, because a host takes precedence over a path",
                hint: "add a route with this path for that host")
        }
    }

    private static func hides(_ general: Placed, _ route: Placed) -> Bool {
        route.host.covers(general.host) && route.path.shape != general.path.shape && general.path.covers(route.path)
    }
}

extension HostPattern {
    /// Whether `other` is a part of these hosts, and not all of them.
    fileprivate func covers(_ other: HostPattern) -> Bool {
        switch (self, other) {
        case (.any, .exact), (.any, .suffix): true
        case (.suffix(let suffix), .exact(let host)): host.hasSuffix(suffix)
        case (.suffix(let suffix), .suffix(let longer)): longer != suffix && longer.hasSuffix(suffix)
        case (.any, .any), (.exact, _), (.suffix, .any): false
        }
    }
}

extension PathPattern {
    fileprivate var hasParameters: Bool {
        segments.contains { if case .literal = $0 { false } else { true } }
    }

    /// Whether every path of `other` matches this pattern.
    fileprivate func covers(_ other: PathPattern) -> Bool {
        for (index, segment) in segments.enumerated() {
            guard index < other.segments.count else {
                // `/users/{rest...}` takes `/users` too.
                if case .rest = segment { return true } else { return false }
            }
            switch (segment, other.segments[index]) {
            case (.rest, _): return true
            case (.literal(let mine), .literal(let theirs)): if mine != theirs { return false }
            case (.parameter, .literal(let text)): if text.isEmpty { return false }
            case (.parameter, .parameter): break
            case (.literal, .parameter), (.literal, .rest), (.parameter, .rest): return false
            }
        }
        return segments.count == other.segments.count
    }
}
