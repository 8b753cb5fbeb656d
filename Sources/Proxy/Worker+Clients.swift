// A worker's clients: accepted, counted against the limit of the process, forgotten when they leave.

import Configuration
import EventLoop
import HTTPWire

extension Worker {
    func listen(on descriptor: Int32, address: SocketAddress) {
        let listener = Listener(
            loop: loop, descriptor: descriptor, address: address,
            accepted: { [unowned self] descriptor, peer in accept(descriptor, peer) },
            refused: { [unowned self] code in
                counters.acceptFailures += 1
                shared.log.write(.error, "accepting on \(address) failed: \(errorText(code)); trying again in 100 ms")
            })
        listeners.append(listener)
    }

    func accept(_ descriptor: Int32, _ peer: PeerAddress) {
        counters.accepted += 1
        let client = Client(worker: self, descriptor: descriptor, peer: peer)
        client.place = Int32(clients.count)
        clients.append(client)
        if !shared.clientArrived(limit: limits.clients) {
            counters.outcomes[Int(Outcome.tooManyClients.rawValue)] += 1
            client.turnAway()
        }
    }

    /// The client's connection has ended.
    func forget(_ client: Client) {
        let place = Int(client.place)
        guard place < clients.count, clients[place] === client else { return }
        let last = clients.removeLast()
        if last !== client {
            clients[place] = last
            last.place = Int32(place)
        }
        shared.clientLeft()
        endDrainIfDone()
    }

    func trusts(_ peer: PeerAddress, in runtime: RuntimeConfiguration) -> Bool {
        let ranges = runtime.configuration.server.trustedProxies
        guard !ranges.isEmpty, let address = IPAddress(peer) else { return false }
        return ranges.contains { $0.contains(address) }
    }
}

extension IPAddress {
    /// Nil for a unix socket's peer.
    init?(_ peer: PeerAddress) {
        switch peer.family {
        case .ipv4: self = .v4(UInt32(truncatingIfNeeded: peer.low))
        case .ipv6: self = IPAddress.v6(UInt128(peer.high) << 64 | UInt128(peer.low)).unmapped
        case .unix: return nil
        }
    }
}
