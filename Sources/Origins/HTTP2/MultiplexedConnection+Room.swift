// How many streams a multiplexed connection takes (RFC 9113 §5.1.2), and what becomes of those that it can't take yet. None goes out
// before the server's SETTINGS have said how many it takes: they are the first that it sends (§3.4). A server that begins a
// connection with 0 takes none for a while (§6.5.2), for which no other connection makes up.

import HTTP2Wire

extension MultiplexedConnection {
    /// Whether one more stream may be begun.
    var takesStream: Bool {
        switch phase {
        case .connecting, .securing: streams.count < expectedStreams
        case .open: isUsable && !isHeldUp && streams.count < min(mostStreams, session.remoteStreams)
        case .leaving, .closed: false
        }
    }

    /// How many will probably find room: as many as the server took last.
    private var expectedStreams: Int {
        let limit = endpoint.streamLimit
        return limit == 0 ? mostStreams : min(mostStreams, limit)
    }

    private var isUsable: Bool { !isBroken && !session.isTerminated }

    /// Whether the server takes no streams now, or hasn't said yet.
    var isHeldUp: Bool { phase == .open && isUsable && (awaitsSettings || session.remoteStreams == 0) }

    /// Whether one more stream may wait until the server takes some.
    var holdsStream: Bool { isHeldUp && streams.count < expectedStreams }

    func hold(_ stream: OriginStream) {
        hasHeldStreams = true
        stream.hold()
    }

    /// That it takes none holds for the address only where it is the first that a connection hears: a server that gets rid of one
    /// connection may take another.
    func receivedSettings() {
        if awaitsSettings || session.remoteStreams > 0 { endpoint.note(streams: session.remoteStreams) }
        awaitsSettings = false
    }

    /// Opens those that waited, in the order in which they came, as far as the server has room; the users of the others find another
    /// connection. Call it when all is read that has come: several SETTINGS may have.
    func placeHeldStreams() {
        guard hasHeldStreams, phase == .open, isUsable, !isHeldUp else { return }
        hasHeldStreams = false
        var room = min(mostStreams, session.remoteStreams) - streams.count { !$0.isHeld }
        for stream in streams where stream.isHeld {
            if room > 0 { stream.open() } else { stream.turnAway(isOver: false) }
            room -= 1
        }
    }

    /// What the users of streams that wait hear when the connection is over.
    var lossOfHeld: OriginStream.NoConnection { awaitsSettings ? .closed : .lost(isUnserved: !isReused) }

    /// Their users hear of it, and find another connection.
    func loseHeldStreams() {
        guard hasHeldStreams else { return }
        hasHeldStreams = false
        for stream in streams { stream.turnAway(isOver: true) }
    }
}
