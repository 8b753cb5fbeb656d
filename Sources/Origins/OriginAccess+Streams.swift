// A worker's multiplexed connections: which of them a request is given a stream on, when another one is opened, and how long one that
// is idle is kept. What a connection that turns out to speak HTTP/1.1 is used for.

import Configuration
import EventLoop
import Glibc
import HTTP2Wire
import TLS

/// What a request for a stream comes to.
enum StreamStart {
    /// On a connection that is there.
    case open(OriginStream)
    /// On one that is being opened, or takes no stream for now; the stream's user hears of it.
    case waiting(OriginStream)
    case connectionLimitReached
    case lacksResources
    case failed(Int32)
}

extension OriginAccess {
    /// - Parameter avoidsIdle: connections without streams are probably stale.
    func openStream(
        to endpoint: Endpoint, of server: OriginServer, in group: UpstreamGroup, avoidsIdle: Bool,
        for user: any OriginStreamUser
    ) -> StreamStart {
        if let connection = usableConnection(to: endpoint, in: group, avoidsIdle: avoidsIdle) {
            let stream = connection.addStream(for: user)
            guard connection.phase == .open, !stream.isHeld else { return .waiting(stream) }
            noteReuse()
            return .open(stream)
        }
        guard !multiplexed.isHeldUp(endpoint), mayOpen(to: endpoint, limit: group.settings.maxConnections) else {
            return multiplexed.holding(endpoint).map { .waiting($0.addStream(for: user)) } ?? .connectionLimitReached
        }
        let (channel, isReady) = channel(to: endpoint, of: server, in: group, offersHTTP2: true)
        guard isReady else { return .lacksResources }
        let descriptor: Int32
        switch startConnecting(to: endpoint) {
        case .failed(let code): return .failed(code)
        case .connected(let made), .underWay(let made): descriptor = made
        }
        let connection = MultiplexedConnection(
            loop: loop, descriptor: descriptor, endpoint: endpoint, server: server, channel: channel,
            mostStreams: group.settings.maxStreams, library: streamLibrary, counters: streamCounters, owner: self)
        connection.keepalive = MultiplexedConnection.Keepalive(
            milliseconds: group.settings.keepaliveTimeout.rawValue, count: group.settings.keepalive,
            maximumAge: group.settings.maxConnectionAge.rawValue, nameLifetime: group.settings.resolve.rawValue)
        noteOpened(connection)
        let stream = connection.addStream(for: user)
        connection.begin()
        return .waiting(stream)
    }

    private func usableConnection(
        to endpoint: Endpoint, in group: UpstreamGroup, avoidsIdle: Bool
    ) -> MultiplexedConnection? {
        let maximumAge = group.settings.maxConnectionAge.rawValue
        while let found = multiplexed.take(endpoint, where: { !avoidsIdle || !$0.streams.isEmpty }) {
            guard found.phase == .open else { return found }
            if endpoint.isRetired || loop.now.milliseconds(since: found.opened) >= maximumAge {
                noteRetirement()
                found.leave()
            } else {
                // The server may have said goodbye, and the loop hasn't told yet.
                if found.streams.isEmpty, !found.wasSilentWhenPolled { found.readable() }
                if found.takesStream || found.holdsStream { return found }
            }
        }
        return nil
    }
}

extension OriginAccess: MultiplexedOwner {
    func connectionBecameIdle(_ connection: MultiplexedConnection) {
        let keepalive = connection.keepalive
        guard !connection.endpoint.isRetired, multiplexed.idleCount(connection.endpoint) <= keepalive.count else {
            return connection.end()
        }
        connection.idle(
            until: min(
                loop.now.advanced(byMilliseconds: keepalive.milliseconds),
                connection.opened.advanced(byMilliseconds: keepalive.maximumAge)))
        if connection.server.hasName { beginWatchingPool() }
    }

    func connectionClosed(_ connection: MultiplexedConnection) {
        multiplexed.remove(connection)
        noteClosed(connection)
    }

    func connectionSpeaksHTTP1(_ connection: MultiplexedConnection, _ descriptor: Int32, _ channel: SecureChannel?) {
        multiplexed.remove(connection)
        connection.endpoint.noteHTTP1(now: loop.now)
        let streams = connection.takeStreams()
        guard let first = streams.first else {
            noteClosed(connection)
            _ = close(descriptor)
            return
        }
        let single = OriginConnection(
            loop: loop, descriptor: descriptor, isConnected: true, endpoint: connection.endpoint,
            server: connection.server, user: self)
        single.secure(by: channel)
        first.refuse(.speaksHTTP1(single))
        for stream in streams.dropFirst() { stream.refuse(.speaksHTTP1(nil)) }
    }
}
