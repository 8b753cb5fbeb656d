// The handshake of a client's TLS, which comes before its first request (RFC 8446 §2). It has the time of a head.
// And the memory of TLS, which an idle connection can do without.

import Bytes
import EventLoop
import HTTPWire
import TLS

extension HTTP1Connection {
    /// - Parameter received: what was read together with what came before the handshake.
    func beginSecuring(by security: ServerContexts, after received: Span<UInt8> = Span()) {
        guard let channel = security.makeChannel(connections.records) else { return leave() }
        if !received.isEmpty { channel.give(received: received) }
        secure(by: channel)
        phase = .securing
        handshakeNumber = connections.handshakeBegan(self)
        if !received.isEmpty { goOnSecuring() }
    }

    func goOnSecuring() {
        switch handshake() {
        case .wouldBlock: return
        case .done:
            endSecuring()
            connections.counters.handshakes += 1
            if let channel = channel as? TLSChannel, channel.isResumed { connections.counters.handshakesResumed += 1 }
            phase = .receivingHead
            if channel?.applicationProtocol == "h2" { return connections.becomeHTTP2(self) }
            setDeadline(
                afterMilliseconds: connections.isDraining
                    ? ClientConnections.drainIdleMilliseconds : connections.limits.headTimeout)
        case .failed(let fault) where fault.kind == .plainHTTP:
            connections.counters.handshakesFailed += 1
            endSecuring()
            let received = channel?.takeReceived() ?? []
            secure(by: nil)
            refusePlainHTTP(received)
        case .failed(let fault) where fault.kind == .unused: leave()
        case .failed(let fault): failSecuring(fault)
        }
    }

    func failSecuring(_ fault: HandshakeFault) {
        connections.counters.handshakesFailed += 1
        connections.handshakeFailed?(peer, fault)
        leave()
    }

    func endSecuring() {
        guard handshakeNumber >= 0 else { return }
        connections.handshakeEnded(handshakeNumber)
        handshakeNumber = -1
    }

    /// Idle, and encrypted: after a moment the memory for that is let go of, and then the rest of the time between two requests
    /// runs.
    func awaitRest() {
        isResting = connections.isDraining || connections.limits.idleTimeout <= ClientConnections.restMilliseconds
        setDeadline(
            afterMilliseconds: connections.isDraining
                ? ClientConnections.drainIdleMilliseconds
                : min(connections.limits.idleTimeout, ClientConnections.restMilliseconds))
    }

    func rest(_ channel: SecureChannel) {
        isResting = true
        channel.rest()
        setDeadline(afterMilliseconds: connections.limits.idleTimeout - ClientConnections.restMilliseconds)
    }

    /// Received before anything was known of the client, as it isn't encrypted after all.
    func refusePlainHTTP(_ received: [UInt8]) {
        let stream = connections.takeStream()
        self.stream = stream
        requests &+= 1
        phase = .inRequest
        stream.beginMalformed(on: self, WireError(.plainHTTPOnTLSPort, from: .client), received.span)
    }
}
