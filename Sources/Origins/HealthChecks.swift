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
    private var streamProbes: [Int: StreamProbe] = [:]
    private lazy var library = StreamCallbacks.makeLibrary()

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
        for probe in streamProbes.values { probe.cancel() }
        streamProbes = [:]
    }

    private func round() {
        for server in group.servers {
            let state = server.locate(
                now: loop.now, resolver: resolver, lifetimeMilliseconds: group.settings.resolve.rawValue, waiter: nil)
            // A name without an address is tried again in the next round.
            guard case .known(let endpoints) = state else { continue }
            for endpoint in endpoints where probes[endpoint.slot] == nil && streamProbes[endpoint.slot] == nil {
                start(endpoint, of: server)
            }
        }
        timer?.schedule(afterMilliseconds: check.interval.rawValue)
    }

    private func start(_ endpoint: Endpoint, of server: OriginServer) {
        let timeout = check.timeout ?? min(check.interval, group.settings.firstByteTimeout)
        let speaksHTTP2 = server.multiplexes(endpoint, in: group, now: loop.now)
        var channel: TLSChannel?
        if case .tls(let host, _) = server.address {
            channel = group.tls?.makeChannel(to: host, number: endpoint.serial, offersHTTP2: speaksHTTP2, records)
            // For want of memory; that says nothing about the server.
            guard channel != nil else { return }
        }
        if speaksHTTP2 { return startStream(endpoint, of: server, channel, timeout) }
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

    private func startStream(
        _ endpoint: Endpoint, of server: OriginServer, _ channel: TLSChannel?, _ timeout: Milliseconds
    ) {
        var code: Int32 = 0
        let probe = StreamProbe(
            loop: loop, endpoint: endpoint, server: server, check: check,
            request: HealthProbe.request(check, authority: server.address.authority),
            timeoutMilliseconds: timeout.rawValue, channel: channel, library: library, code: &code
        ) { [weak self] result in
            guard let self else { return }
            streamProbes[endpoint.slot] = nil
            switch result {
            case .up: settle(endpoint, of: server, nil)
            case .problem(let problem): settle(endpoint, of: server, problem)
            case .speaksHTTP1:
                endpoint.noteHTTP1(now: loop.now)
                if timer != nil { start(endpoint, of: server) }
            }
        }
        if let probe {
            streamProbes[endpoint.slot] = probe
        } else if !isOwnShortage(code) {
            settle(endpoint, of: server, errorText(code))
        }
    }

    private func settle(_ endpoint: Endpoint, of server: OriginServer, _ problem: String?) {
        if timer != nil { group.noteCheck(problem, at: endpoint, of: server, check, now: loop.now) }
    }
}
