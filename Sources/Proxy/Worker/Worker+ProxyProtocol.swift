// What connections begin with, by listener: the header of the PROXY protocol, behind load balancers that speak it, or the preface
// of HTTP/2.

import Bytes
import Configuration
import EventLoop

extension Worker {
    /// To be called once there are clients.
    func prepareProxyProtocol() {
        clients.readsProxyHeader = { [unowned self] in runtime.readsProxyHeader(on: $0) }
        clients.takesHTTP2 = { [unowned self] in runtime.takesHTTP2(on: $0) }
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
    func readsProxyHeader(on bound: SocketAddress) -> Bool { lists(bound, in: configuration.server.proxyProtocol) }

    /// Whether connections to this address, which is bound, may be HTTP/2 without TLS.
    func takesHTTP2(on bound: SocketAddress) -> Bool { lists(bound, in: configuration.server.h2c) }

    private func lists(_ bound: SocketAddress, in listeners: Set<ListenAddress>) -> Bool {
        !listeners.isEmpty && listenAddresses(of: bound).contains { listeners.contains($0) }
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
