// How many requests of a route are with its upstream at once while the store is down (`on_store_down`): without the cache an
// upstream may get far more of them than it can bear.

import CacheStorage
import Configuration
import Synchronization

/// Shared by all workers; one for each route that bounds its requests.
final class OutageGate: Sendable {
    /// 0: none may pass.
    let limit: Int
    private let underWay = Atomic(0)

    init(limit: Int) { self.limit = limit }

    /// Nil where as many are under way as the limit allows.
    func enter() -> OutagePass? {
        if underWay.wrappingAdd(1, ordering: .relaxed).newValue <= limit { return OutagePass(self) }
        leave()
        return nil
    }

    fileprivate func leave() { underWay.wrappingSubtract(1, ordering: .relaxed) }

    var isFull: Bool { underWay.load(ordering: .relaxed) >= limit }

    /// One for each route, in order; nil where nothing is bounded.
    /// - Parameter before: the routes of an earlier configuration with theirs, which are carried over where a route with the
    ///   same paths and hosts has the same limit: what is under way goes on counting.
    static func gates(for routes: [Route], after before: [(Route, OutageGate?)]) -> [OutageGate?] {
        let known = Dictionary(before.map { ($0.0.match, $0.1) }, uniquingKeysWith: { first, _ in first })
        return routes.map { route in
            let limit: Int
            switch route.onStoreDown {
            case .pass, .stale: return nil
            case .limit(let count): limit = count
            case .refuse: limit = 0
            }
            if case .some(.some(let gate)) = known[route.match], gate.limit == limit { return gate }
            return OutageGate(limit: limit)
        }
    }
}

/// Held by a request for as long as it is with the upstream.
final class OutagePass {
    private let gate: OutageGate

    fileprivate init(_ gate: OutageGate) { self.gate = gate }

    deinit { gate.leave() }
}

/// Whether a request may go to its upstream.
enum OutageAdmission {
    /// With what is to be held meanwhile, if its route bounds such requests now.
    case granted(OutagePass?)
    case refused
}

extension RouteEntry {
    /// Whether a request may go to the upstream now.
    /// - Parameter key: what is stored there is what the request is about; `none` if nothing is.
    func admission(at key: CacheKey, in cache: Cache) -> OutageAdmission {
        guard let gate = outageGate, cache.isRemoteDown(at: key) else { return .granted(nil) }
        return gate.enter().map { .granted($0) } ?? .refused
    }

    /// Whether it would be refused, for somebody who only asks.
    func isHeldBack(at key: CacheKey, in cache: Cache) -> Bool {
        guard let gate = outageGate, cache.isRemoteDown(at: key) else { return false }
        return gate.isFull
    }
}
