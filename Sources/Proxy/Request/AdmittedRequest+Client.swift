// Who sent a request, and what it is called: what the peer says of that counts where it is a trusted proxy.

import Bytes
import Configuration
import EventLoop
import HTTPSemantics
import HTTPWire

extension AdmittedRequest {
    /// The client's address. Behind trusted proxies it is the nearest address that isn't a trusted proxy's, as they name it in
    /// X-Forwarded-For or Forwarded; what can't be read ends the search, and the last address before it counts. Allocates
    /// nothing.
    var client: PeerAddress {
        guard !head.present.isDisjoint(with: Self.namingClients), runtime.trusts(peer) else { return peer }
        let bytes = bytes
        var client = peer
        var hops = ForwardedHops(of: head)
        while let hop = hops.next(in: head.fields, bytes) {
            guard let address = IPAddress(hop: bytes.extracting(hop)) else { break }
            client = PeerAddress(address)
            guard runtime.trusts(address) else { break }
        }
        return client
    }

    private static let namingClients: FieldSet = [.xForwardedFor, .forwarded]

    /// Its name, made now if it has none.
    var identifier: RequestIdentifier {
        if let given = givenIdentifier { return .given(given) }
        if let madeIdentifier { return .made(madeIdentifier) }
        let made = runtime.identifiers.next()
        madeIdentifier = made
        return .made(made)
    }

    /// The name that a trusted peer gave it.
    private var givenIdentifier: ByteRange? {
        guard let value = head.first(.xRequestID), RequestIdentifier.isKept(bytes.extracting(value)),
            head.fields.count(where: { $0.known == .xRequestID }) == 1, runtime.trusts(peer)
        else { return nil }
        return value
    }

    /// How its name goes to the origin.
    var forwardedIdentifier: RequestForwarding.Identifier {
        switch identifier {
        case .given(let range): .given(range)
        case .made(let name): .made(name)
        }
    }

    /// Whether this process has forwarded it before.
    var hasPassedHere: Bool {
        guard head.contains(.via) else { return false }
        let pseudonym = runtime.pseudonym
        return head.hasPassed(pseudonym.span, in: bytes)
    }
}

extension PeerAddress {
    /// As lines of the event log have it.
    var nameInLog: String { family == .unix ? "unix:" : String(decoding: hostText.span.copied(), as: UTF8.self) }

    init(_ address: IPAddress) {
        switch address {
        case .v4(let bits): self.init(ipv4: bits, port: 0)
        case .v6(let bits): self.init(ipv6: bits, port: 0)
        }
    }
}
