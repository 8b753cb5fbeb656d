// Which sockets a server listens on: those handed over by the service manager, those it has, and those it binds.

import Bytes
import Configuration
import EventLoop
import Glibc

extension Server {
    /// New sockets for the addresses of `configuration` that aren't in `having`, by worker. `addresses` becomes the
    /// whole list.
    func bindAll(
        for configuration: Configuration, workers: Int, having: [SocketAddress]
    ) throws(ServerFault) -> [Int: [(Int32, SocketAddress)]] {
        var fresh: [Int: [(Int32, SocketAddress)]] = [:]
        var all: [SocketAddress] = []
        var opened: [Int32] = []
        func give(_ descriptor: Int32, _ address: SocketAddress, to worker: Int) {
            fresh[worker, default: []].append((descriptor, address))
            opened.append(descriptor)
        }
        do throws(SocketError) {
            for (descriptor, address) in inherited {
                all.append(address)
                if having.contains(address) { continue }
                for worker in 0..<workers { give(fcntl(descriptor, F_DUPFD_CLOEXEC, 3), address, to: worker) }
            }
            for wanted in configuration.server.listen {
                guard let address = SocketAddress(wanted) else { continue }
                if inherited.contains(where: { address.isCovered(by: $0.address) }) { continue }
                if let bound = having.first(where: { $0 == address || address.port == 0 && $0.host == address.host }) {
                    all.append(bound)
                    continue
                }
                let backlog = Int32(clamping: configuration.limits.backlog)
                if address.family == .unix {
                    let descriptor = try listeningSocket(on: address, reusePort: false, backlog: backlog)
                    for worker in 1..<max(workers, 1) {
                        give(fcntl(descriptor, F_DUPFD_CLOEXEC, 3), address, to: worker)
                    }
                    give(descriptor, address, to: 0)
                    all.append(address)
                } else {
                    // SO_REUSEPORT lets another process of the same user share a port without a word, so whether it is
                    // free is asked without it. Not where this process has a socket on that port itself.
                    if address.port != 0, !having.contains(where: { $0.port == address.port }) {
                        _ = close(try listeningSocket(on: address, reusePort: false, backlog: 1))
                    }
                    let first = try listeningSocket(on: address, reusePort: true, backlog: backlog)
                    let bound = boundAddress(of: first) ?? address
                    give(first, bound, to: 0)
                    for worker in 1..<max(workers, 1) {
                        give(try listeningSocket(on: bound, reusePort: true, backlog: backlog), bound, to: worker)
                    }
                    all.append(bound)
                }
            }
        } catch {
            for descriptor in opened { _ = close(descriptor) }
            throw ServerFault("cannot listen: \(error)")
        }
        addresses = all
        return fresh
    }
}

extension SocketAddress {
    package init?(_ address: ListenAddress) {
        switch address {
        case .tcp(let host, let port): self.init(numericHost: host, port: port)
        case .unix(let path): self.init(unixPath: path)
        }
    }

    /// Whether a socket bound to `other` already takes what would come here.
    func isCovered(by other: SocketAddress) -> Bool {
        if self == other { return true }
        guard family == other.family, family != .unix, port == other.port else { return false }
        return other.bytes.allSatisfy { $0 == 0 }
    }
}
