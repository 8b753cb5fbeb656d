// The servers of one entry of `upstreams`, and the choice of the next one.

import Configuration
import EventLoop
import Synchronization

/// Shared by all workers. A reload that doesn't change an upstream keeps its group, and with it the servers' health.
package final class UpstreamGroup: Sendable {
    package let settings: Upstream
    package let servers: [OriginServer]
    private let turn = Atomic<Int>(0)

    package init(settings: Upstream) {
        self.settings = settings
        servers = settings.servers.map(OriginServer.init(address:))
    }

    /// The server for the next attempt, or nil if each one was tried or fails its check.
    ///
    /// An ejected server is used only if no other is left; then the one whose pause ends first: if no server is known
    /// to be up, an attempt is better than an error.
    /// - Parameter tried: bit *n* is set if server *n* was tried already (servers beyond the 64th share the last bit).
    package func nextServer(excluding tried: UInt64, now: MonotonicTime) -> (server: OriginServer, index: Int)? {
        let start = servers.count > 1 ? turn.wrappingAdd(1, ordering: .relaxed).oldValue & Int.max : 0
        var best: (index: Int, load: Int)?
        var fallback: (index: Int, until: MonotonicTime)?
        for offset in 0..<servers.count {
            let index = (start % servers.count + offset) % servers.count
            if tried & (1 << UInt64(min(index, 63))) != 0 { continue }
            switch servers[index].health(now: now) {
            case .checkedDown: continue
            case .ejected(let until):
                if fallback == nil || until < fallback!.until { fallback = (index, until) }
            case .up:
                switch settings.balance {
                case .roundRobin: return (servers[index], index)
                case .leastOutstanding:
                    let load = servers[index].outstanding.load(ordering: .relaxed)
                    if best == nil || load < best!.load { best = (index, load) }
                }
            }
        }
        guard let chosen = best?.index ?? fallback?.index else { return nil }
        return (servers[chosen], chosen)
    }
}
