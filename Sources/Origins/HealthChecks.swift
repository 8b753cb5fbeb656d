// Active health checks (`check: /healthz`): a separate request to each address of each server at an interval, on the
// control thread's loop. `ServerHealth` decides what follows from the result.

import Configuration
import EventLoop
import TLS

/// Checks the servers of one upstream until it is released. Used only on its loop's thread.
package final class HealthChecks {
    private let group: UpstreamGroup
    private let check: HealthCheck
    private let loop: EventLoop
    private let resolver: Resolver
    private lazy var records = RecordBytes.of(loop)
    private var timer: LoopTimer?
    /// By the address's slot.
    private var probes: [Int: HealthProbe] = [:]

    package init?(group: UpstreamGroup, loop: EventLoop, resolver: Resolver) {
        guard let check = group.settings.check else { return nil }
        self.group = group
        self.check = check
        self.loop = loop
        self.resolver = resolver
        timer = LoopTimer(loop: loop) { [weak self] in self?.round() }
        timer?.schedule(afterMilliseconds: 1)
    }

    /// Stops: no check is started and no result is used after this.
    package func stop() {
        timer = nil
        for probe in probes.values { probe.cancel() }
        probes = [:]
    }

    private func round() {
        for server in group.servers {
            let state = server.locate(
                now: loop.now, resolver: resolver, lifetimeMilliseconds: group.settings.resolve.rawValue, waiter: nil)
            // A name without an address is tried again in the next round.
            guard case .known(let endpoints) = state else { continue }
            for endpoint in endpoints where probes[endpoint.slot] == nil { start(endpoint, of: server) }
        }
        timer?.schedule(afterMilliseconds: check.interval.rawValue)
    }

    private func start(_ endpoint: Endpoint, of server: OriginServer) {
        let timeout = check.timeout ?? min(check.interval, group.settings.firstByteTimeout)
        var channel: TLSChannel?
        if case .tls(let host, _) = server.address {
            channel = group.tls?.makeChannel(to: host, number: endpoint.serial, records)
            // For want of memory; that says nothing about the server.
            guard channel != nil else { return }
        }
        let started = HealthProbe.start(
            loop: loop, address: endpoint.address, check: check, authority: server.address.authority,
            timeoutMilliseconds: timeout.rawValue, channel: channel
        ) { [weak self] problem in
            self?.probes[endpoint.slot] = nil
            self?.settle(endpoint, of: server, problem)
        }
        switch started {
        case .probe(let probe): probes[endpoint.slot] = probe
        // Says nothing about the server.
        case .failed(let code) where isOwnShortage(code): break
        case .failed(let code): settle(endpoint, of: server, errorText(code))
        }
    }

    private func settle(_ endpoint: Endpoint, of server: OriginServer, _ problem: String?) {
        if timer != nil { group.noteCheck(problem, at: endpoint, of: server, check, now: loop.now) }
    }
}
