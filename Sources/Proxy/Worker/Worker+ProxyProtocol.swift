// Listeners behind load balancers that speak the PROXY protocol.

import Bytes
import Configuration
import EventLoop

extension Worker {
    /// To be called once there are clients.
    func prepareProxyProtocol() {
        clients.readsProxyHeader = { [unowned self] in runtime.readsProxyHeader(on: $0) }
        clients.proxyHeaderRefused = { [unowned self] peer in
            shared.log.write(
                .warning, about: "PROXY protocol",
                "closed a connection from \(peer.nameInLog): it began without a valid header of the "
                    + "PROXY protocol, which its listener asks for (proxy_protocol: on)",
                now: loop.now)
        }
    }
}

extension RuntimeConfiguration {
    /// Whether connections to this address, which is bound, begin with a header of the PROXY protocol.
    func readsProxyHeader(on bound: SocketAddress) -> Bool {
        let server = configuration.server
        guard !server.proxyProtocol.isEmpty else { return false }
        return listenAddresses(of: bound).contains { server.proxyProtocol.contains($0) }
    }

    /// The addresses of the file that a bound one stands for: several where it is one for all of the machine's.
    func listenAddresses(of bound: SocketAddress) -> [ListenAddress] {
        configuration.server.listen.filter { wanted in
            guard let address = SocketAddress(wanted) else { return false }
            return address.isCovered(by: bound)
                || address.port == 0 && address.family == bound.family && address.host == bound.host
        }
    }
}
