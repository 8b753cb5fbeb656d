// `on_store_down` of a route: what becomes of its requests while Redis is down.

/// What a route does while its store is down.
package enum StoreOutage: Sendable, Hashable {
    /// Requests go to the upstream, as if nothing were stored.
    case pass
    /// So many do at once, and the others get 503.
    case limit(Int)
    /// What memory still has is served, whether or not it is still fresh; what it doesn't have is passed.
    case stale
    /// None goes to the upstream.
    case refuse
}

extension StoreOutage: CustomStringConvertible {
    private static let greatestLimit = 100_000

    /// Reads `pass`, `limit 20`, `stale` and `503`.
    package init(parsing text: String) throws(ValueFault) {
        let words = text.split(separator: " ", omittingEmptySubsequences: true)
        switch words.first {
        case "pass" where words.count == 1: self = .pass
        case "stale" where words.count == 1: self = .stale
        case "503" where words.count == 1: self = .refuse
        case "limit":
            guard words.count == 2, let limit = Int(words[1]), words[1].first != "+" else {
                throw ValueFault("expected limit and a number, found \(quoted(text))", hint: "write limit 20")
            }
            guard 1...Self.greatestLimit ~= limit else {
                throw ValueFault(
                    "\(limit) is out of range",
                    hint: limit == 0 ? "write 503 to let no request through" : "allowed: 1–\(Self.greatestLimit)")
            }
            self = .limit(limit)
        default:
            let name = String(words.first ?? "")
            let near: String? =
                Int(name).map { $0 >= 500 ? "write 503" : "write limit \(max($0, 1))" }
                ?? nearestName(to: name, among: ["pass", "limit", "stale"]).map { "did you mean \(quoted($0))?" }
            throw ValueFault(
                "invalid value \(quoted(text)) for `on_store_down`",
                hint: near ?? "allowed: pass, limit N, stale or 503")
        }
    }

    /// As it is written in the file.
    package var description: String {
        switch self {
        case .pass: "pass"
        case .limit(let count): "limit \(count)"
        case .stale: "stale"
        case .refuse: "503"
        }
    }
}
