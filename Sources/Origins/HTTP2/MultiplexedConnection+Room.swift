// How many streams a multiplexed connection takes (RFC 9113 §5.1.2), and what becomes of those that it can't take yet: a server that
// says 0 takes none for a while (§6.5.2), for which no other connection makes up.

import HTTP2Wire

extension MultiplexedConnection {
    /// Whether one more stream may be begun.
    var takesStream: Bool {
        switch phase {
        case .connecting, .securing:
            let limit = endpoint.streamLimit
            return streams.count < (limit == 0 ? mostStreams : min(mostStreams, limit))
        case .open: return isUsable && !isHeldUp && streams.count < min(mostStreams, session.remoteStreams)
        case .leaving, .closed: return false
        }
    }

    private var isUsable: Bool { !isBroken && !session.isTerminated }

    /// Whether the server takes no streams for now, as far as is known.
    var isHeldUp: Bool { phase == .open && isUsable && (awaitsSettings || session.remoteStreams == 0) }

    /// Whether one more stream may wait until the server takes some.
    var holdsStream: Bool { isHeldUp && streams.count < mostStreams }

    func hold(_ stream: OriginStream) {
        hasHeldStreams = true
        stream.hold()
    }

    /// The connection speaks HTTP/2. Requests don't wait for SETTINGS, but where the last ones said that there may be none.
    func beginStreams() {
        awaitsSettings = endpoint.streamLimit == 0
        for stream in streams {
            if awaitsSettings { hold(stream) } else { stream.open() }
        }
    }

    func receivedSettings() {
        awaitsSettings = false
        endpoint.note(streams: session.remoteStreams)
        openHeldStreams()
    }

    /// In the order in which they came.
    func openHeldStreams() {
        guard hasHeldStreams, phase == .open, isUsable, !isHeldUp else { return }
        var room = session.remoteStreams - streams.count { !$0.isHeld }
        for stream in streams where stream.isHeld && room > 0 {
            room -= 1
            stream.open()
        }
        hasHeldStreams = streams.contains(where: \.isHeld)
    }

    /// Their users hear of it, and find another connection.
    func loseHeldStreams() {
        guard hasHeldStreams else { return }
        for stream in streams { stream.loseHold() }
    }
}
