// Routes that lose requests to another one where their author may not expect it. Paths of one host never hide each other:
// the more specific one wins. A host, however, comes before every path.

import Configuration

enum HiddenRoutes {
    typealias Placed = (route: Route, position: Position)

    /// Comparisons in one file; past it the rest is not looked at.
    private static let comparisonsBound = 2_000_000

    /// Warns of each route without a host, or with `*.`, whose requests for a certain host go to a more general path of that
    /// host: `/healthz` beside `/{rest...}` of api.example.com.
    static func warn(_ routes: [Placed], in faults: FaultList) {
        let general = routes.filter { $0.route.host != .any && $0.route.path.hasParameters }
        guard !general.isEmpty, general.count * routes.count <= comparisonsBound else { return }
        for hidden in routes {
            guard let hiding = general.first(where: { hides($0.route, hidden.route) }) else { continue }
            faults.warn(
                hidden.position,
                "for the host \(quoted(hiding.route.host.description)), the route on line \(hiding.position.line) takes the "
                    + "requests of this path: the host comes before the path",
                hint: "add this path to that host as well, if it is meant for it")
        }
    }

    private static func hides(_ general: Route, _ route: Route) -> Bool {
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
            guard index < other.segments.count else { return false }
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
