// Which listeners speak TLS, and with what. A worker makes contexts of its own from the files' bytes, which the control thread
// has read: connections keep theirs while a reload brings others.

import Clients
import Configuration
import EventLoop
import TLS

extension Worker {
    /// To be called once there are clients.
    func prepareTLS(_ update: ConfigurationUpdate) {
        takeOn(update)
        clients.traits = { [unowned self] in traits(of: $0) }
        clients.handshakeFailed = { [unowned self] peer, fault in
            shared.log.write(
                .info, about: "TLS handshake",
                "TLS handshake with \(peer.nameInLog) failed: \(fault.sentence)", now: loop.now)
        }
    }

    /// Makes contexts of what has changed.
    func takeOn(_ update: ConfigurationUpdate) {
        listenerTraits = []
        var next: [ListenAddress: WorkerSecurity] = [:]
        for (address, credentials) in update.tls.listeners {
            let before = security[address]
            let protocols = update.configuration.server.protocols(behindTLSOf: address)
            if let before, before.credentials == credentials, before.protocols == protocols,
                before.ticketKeys == update.tls.ticketKeys || credentials.hasTicketKeys
            {
                next[address] = before
                continue
            }
            do throws(TLSFault) {
                let contexts = try ServerContexts(
                    credentials, ownKeys: update.tls.ticketKeys, protocols: protocols)
                next[address] = WorkerSecurity(
                    credentials: credentials, ticketKeys: update.tls.ticketKeys, protocols: protocols,
                    contexts: contexts)
            } catch {
                // The control thread has made the same ones before.
                next[address] = before
                shared.log.write(.error, "a worker could not use the certificates of \(address): \(error)")
            }
        }
        security = next
    }

    private func traits(of bound: SocketAddress) -> ListenerTraits? {
        if let known = listenerTraits.first(where: { $0.address == bound }) { return known.traits }
        let server = runtime.configuration.server
        let wanted = runtime.listenAddresses(of: bound)
        let secured = wanted.first { server.tls[$0] != nil }
        let port = wanted.lazy.compactMap { server.redirectsToHTTPS[$0] }.first
        let contexts = secured.flatMap { security[$0]?.contexts }
        let traits =
            secured == nil && port == nil
            ? nil : ListenerTraits(isSecure: secured != nil, security: contexts, httpsPort: port)
        listenerTraits.append((bound, traits))
        return traits
    }
}
