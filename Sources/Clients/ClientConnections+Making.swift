// How a client's connection and the streams of its requests come to be: which version of HTTP they speak is known here, and nowhere
// else of a worker.

import Bytes
import EventLoop
import HTTP2Wire

extension ClientConnections {
    private static let spareLimit = 1024

    func accept(
        _ descriptor: Int32, _ peer: PeerAddress, readsProxyHeader: Bool = false, _ traits: ListenerTraits? = nil
    ) -> HTTP1Connection {
        counters.accepted += 1
        let number = total.add()
        let connection = add(descriptor, peer)
        connection.traits = traits
        if readsProxyHeader { connection.expectProxyHeader() }
        let isSecure = traits?.isSecure == true
        let isWelcome = number <= limits.clients && (!isSecure || traits?.security != nil)
        if isWelcome, !readsProxyHeader, let security = traits?.security { connection.beginSecuring(by: security) }
        if isSecure, !isWelcome {
            // It would have to be told by way of a handshake, which is dear.
            counters.turnedAway += 1
            connection.turnAway()
        } else if number > limits.clients + limits.rejected {
            // One that is told stays for a while, and its descriptor with it.
            counters.turnedAway += 1
            connection.turnAway()
        } else if number > limits.clients {
            connection.reject()
        }
        return connection
    }

    func add(_ descriptor: Int32, _ peer: PeerAddress) -> HTTP1Connection {
        let connection = HTTP1Connection(connections: self, descriptor: descriptor, peer: peer)
        add(connection)
        return connection
    }

    /// The client speaks HTTP/2: its connection is one of that from now on.
    /// - Parameter received: what has come, in the loop's input buffer.
    func becomeHTTP2(_ old: HTTP1Connection, received: Span<UInt8> = Span()) {
        let library = self.library
        guard let session = HTTP2Session(.server, library) else { return old.leave() }
        let (peer, channel) = (old.peer, old.channel)
        let connection = HTTP2Connection(
            connections: self, library: library, session: session, descriptor: old.handOver(), peer: peer)
        replace(old, by: connection)
        connection.traits = old.traits
        if let channel { connection.secure(by: channel) }
        if isDraining { connection.drainBegan() }
        connection.begin(received)
    }

    private var library: HTTP2Library {
        if let shared = shared as? SharedHTTP2 { return shared.library }
        let made = SharedHTTP2()
        shared = made
        return made.library
    }

    // MARK: Streams

    func takeStream() -> HTTP1Stream { spare.popLast() as? HTTP1Stream ?? handled(HTTP1Stream(connections: self)) }

    func takeHTTP2Stream() -> HTTP2Stream {
        spareHTTP2.popLast() as? HTTP2Stream ?? handled(HTTP2Stream(connections: self))
    }

    private func handled<Stream: ClientStream>(_ stream: Stream) -> Stream {
        let handler = makeHandler()
        stream.handler = handler
        handler.stream = stream
        return stream
    }

    func release(_ stream: HTTP1Stream) {
        stream.handler.reset()
        stream.reset()
        ClientConnections.keep(stream, in: &spare)
    }

    func release(_ stream: HTTP2Stream) {
        stream.handler.reset()
        stream.reset()
        ClientConnections.keep(stream, in: &spareHTTP2)
    }

    private static func keep(_ stream: ClientStream, in spare: inout [ClientStream]) {
        if spare.count < spareLimit { spare.append(stream) } else { stream.handler.stream = nil }
    }

    /// Gives back some of what a burst left behind. To be called once a second or so.
    package func trim() {
        ClientConnections.trim(&spare)
        ClientConnections.trim(&spareHTTP2)
    }

    private static func trim(_ spare: inout [ClientStream]) {
        guard spare.count > 64 else { return }
        for stream in spare.suffix(spare.count / 4) { stream.handler.stream = nil }
        spare.removeLast(spare.count / 4)
    }
}
