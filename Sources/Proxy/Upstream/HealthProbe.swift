// Active health checks (`check: /healthz`): a request of its own to each server at an interval, on the control thread's
// loop. A server is down after two failed checks in a row and up again after one that succeeds.

import Bytes
import Configuration
import EventLoop
import HTTPWire

/// Checks the servers of one upstream for as long as it lives. Belongs to one loop's thread.
package final class HealthChecks {
    private let group: UpstreamGroup
    private let loop: EventLoop
    private let resolver: Resolver
    private let path: String
    private let changed: (OriginServer, _ isUp: Bool, _ reason: String) -> Void
    private var timer: LoopTimer?
    private var failures: [Int]
    private var probes: [HealthProbe?]

    private static let failuresUntilDown = 2

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
        failures = Array(repeating: 0, count: group.servers.count)
        probes = Array(repeating: nil, count: group.servers.count)
        timer = LoopTimer(loop: loop) { [weak self] in self?.round() }
        timer?.schedule(afterMilliseconds: 1)
    }

    /// No check is begun or heeded after this.
    package func stop() {
        timer = nil
        for probe in probes { probe?.cancel() }
        probes = []
    }

    private func round() {
        let settings = group.settings
        for (index, server) in group.servers.enumerated() where probes[index] == nil {
            let location = server.locate(now: loop.now, resolver: resolver, lifeMilliseconds: settings.resolve.rawValue)
            { _ in }
            // A name that isn't known yet is looked at again in the next round.
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
        guard let problem else {
            failures[index] = 0
            if server.noteCheck(isUp: true) { changed(server, true, "the check succeeds") }
            return
        }
        failures[index] += 1
        if failures[index] >= Self.failuresUntilDown, server.noteCheck(isUp: false) { changed(server, false, problem) }
    }
}

/// One check's connection.
private final class HealthProbe: Socket {
    enum Start {
        case probe(HealthProbe)
        case failed(Int32)
    }

    private let request: [UInt8]
    private var finished: ((String?) -> Void)?
    private var isConnected: Bool
    private var head = ResponseHead()
    private var received = 0
    private var kept: [UInt8] = []

    static func start(
        loop: EventLoop, address: SocketAddress, path: String, authority: String, timeoutMilliseconds: Int64,
        finished: @escaping (String?) -> Void
    ) -> Start {
        let request =
            "GET \(path) HTTP/1.1\r\nHost: \(authority)\r\nUser-Agent: larder-check\r\nConnection: close\r\n\r\n"
        switch startConnection(to: address) {
        case .failed(let code): return .failed(code)
        case .connected(let descriptor):
            let probe = HealthProbe(loop, descriptor, true, Array(request.utf8), finished)
            probe.setDeadline(afterMilliseconds: timeoutMilliseconds)
            return .probe(probe)
        case .underWay(let descriptor):
            let probe = HealthProbe(loop, descriptor, false, Array(request.utf8), finished)
            probe.setDeadline(afterMilliseconds: timeoutMilliseconds)
            return .probe(probe)
        }
    }

    private init(
        _ loop: EventLoop, _ descriptor: Int32, _ isConnected: Bool, _ request: [UInt8],
        _ finished: @escaping (String?) -> Void
    ) {
        self.request = request
        self.finished = finished
        self.isConnected = isConnected
        super.init(loop: loop, descriptor: descriptor)
        wait(for: .write)
    }

    func cancel() {
        finished = nil
        close()
    }

    private func end(_ problem: String?) {
        let told = finished
        finished = nil
        close()
        told?(problem)
    }

    override func writable() {
        if !isConnected {
            let error = pendingError()
            guard error == 0 else { return end(errorText(error)) }
            isConnected = true
        }
        // A new connection's buffer takes the few bytes of a check at once.
        let request = self.request
        guard case .wrote(request.count) = send(request.span) else { return end("the check could not be sent") }
        wait(for: .read)
    }

    override func readable() {
        let kept = self.kept
        loop.input.restore(kept.span)
        switch receive(after: kept.count) {
        case .wouldBlock: return
        case .ended: end("the connection was closed without an answer")
        case .failed(let code): end(errorText(code))
        case .bytes(let count):
            let input = loop.input
            let bytes = input.span(count: kept.count + count)
            do {
                guard try head.parse(bytes, answering: .get, limits: HeadLimits()) else {
                    self.kept = bytes.copied()
                    return
                }
                end((200..<400).contains(head.status) ? nil : "the check was answered with \(head.status)")
            } catch {
                end("the check's answer is not HTTP")
            }
        }
    }

    override func deadlinePassed() { end("the check was not answered in time") }
}
