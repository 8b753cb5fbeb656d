// Active health checks (`check: /healthz`): a separate request to each server at an interval, on the control thread's
// loop. `ServerHealth` decides what follows from the result.

import Configuration
import EventLoop

/// Checks the servers of one upstream until it is released. Used only on its loop's thread.
package final class HealthChecks {
    private let group: UpstreamGroup
    private let loop: EventLoop
    private let resolver: Resolver
    private let path: String
    private let changed: (OriginServer, _ isUp: Bool, _ reason: String) -> Void
    private var timer: LoopTimer?
    private var probes: [HealthProbe?]

    /// - Parameter changed: called when a server goes down or comes back.
    package init?(
        group: UpstreamGroup, loop: EventLoop, resolver: Resolver,
        changed: @escaping (OriginServer, _ isUp: Bool, _ reason: String) -> Void
    ) {
        guard let path = group.settings.check else { return nil }
        self.group = group
        self.loop = loop
        self.resolver = resolver
        self.path = path
        self.changed = changed
        probes = Array(repeating: nil, count: group.servers.count)
        timer = LoopTimer(loop: loop) { [weak self] in self?.round() }
        timer?.schedule(afterMilliseconds: 1)
    }

    /// Stops: no check is started and no result is used after this.
    package func stop() {
        timer = nil
        for probe in probes { probe?.cancel() }
        probes = []
    }

    private func round() {
        let settings = group.settings
        for (index, server) in group.servers.enumerated() where probes[index] == nil {
            let location = server.locate(
                now: loop.now, resolver: resolver, lifetimeMilliseconds: settings.resolve.rawValue, waiter: nil)
            // A name that isn't resolved yet is tried again in the next round.
            guard case .address(let address) = location else { continue }
            let started = HealthProbe.start(
                loop: loop, address: address, path: path, authority: server.address.authority,
                timeoutMilliseconds: min(settings.checkInterval.rawValue, settings.firstByteTimeout.rawValue)
            ) { [weak self] problem in
                self?.settle(index, problem)
            }
            switch started {
            case .probe(let probe): probes[index] = probe
            case .failed(let code): settle(index, errorText(code))
            }
        }
        timer?.schedule(afterMilliseconds: settings.checkInterval.rawValue)
    }

    private func settle(_ index: Int, _ problem: String?) {
        guard index < probes.count else { return }
        probes[index] = nil
        let server = group.servers[index]
        if server.noteCheck(succeeded: problem == nil) {
            changed(server, problem == nil, problem ?? "the check succeeds")
        }
    }
}
