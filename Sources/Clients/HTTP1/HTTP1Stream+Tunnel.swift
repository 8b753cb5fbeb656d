// A client's connection that has left HTTP (RFC 9110 §7.8): bytes go both ways, each direction ends by itself, and one time
// runs for both.

import Bytes
import EventLoop
import HTTPSemantics
import HTTPWire

/// What a stream knows of its tunnel.
struct HTTP1Tunnel {
    /// More from the client is wanted.
    var reads = true
    /// The client sends no more.
    var isInputOver = false
    /// The origin sends no more, which the client hears once it has taken what is queued.
    var isOutputOver = false
    /// When the tunnel is over unless something comes or goes.
    var end: MonotonicTime

    init(until end: MonotonicTime) { self.end = end }
}

extension HTTP1Stream {
    /// With one direction over, the other one is waited for no longer than this without a byte: whether a client that has
    /// ended its sending side still reads, or has left, can't be told.
    private static let halfClosedMilliseconds: Int64 = 30_000
    /// How often a client that isn't read from is looked at, since it may have broken off.
    private static let lookMilliseconds: Int64 = 1_000

    var isTunnel: Bool { tunnel != nil }

    func writeSwitch(_ head: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        writer.lines.append("Connection: Upgrade\r\n")
        for field in head.fields where field.known == .upgrade {
            Forwarding.appendField("Upgrade", bytes.extracting(field.value), to: &writer.lines)
        }
        Forwarding.endHead(&writer.lines)
        framing = .none
        hasBegun = true
        tunnel = HTTP1Tunnel(until: connections.loop.now)
        restartTunnelTime()
    }

    func writeTunnel(_ bytes: Span<UInt8>) {
        bodyCount += bytes.count
        restartTunnelTime()
        emit(bytes)
    }

    /// Something has come or gone.
    func restartTunnelTime() {
        guard let tunnel else { return }
        var limit = connections.limits.tunnelTimeout
        if tunnel.isInputOver || tunnel.isOutputOver { limit = min(limit, Self.halfClosedMilliseconds) }
        self.tunnel?.end = connections.loop.now.advanced(byMilliseconds: limit)
        awaitTunnelEvents()
    }

    /// What the connection waits for, each direction by itself.
    func awaitTunnelEvents() {
        guard let connection, let tunnel, !isComplete else { return }
        let reads = tunnel.reads && !tunnel.isInputOver
        connection.wait(for: reads ? (isBlocked ? .readAndWrite : .read) : (isBlocked ? .write : .none))
        let look = connections.loop.now.advanced(byMilliseconds: Self.lookMilliseconds)
        connection.setDeadline(reads ? tunnel.end : min(tunnel.end, look))
    }

    /// The client sends no more.
    func tunnelInputEnded() {
        tunnel?.isInputOver = true
        connection?.peerEnded()
        restartTunnelTime()
        handler.tunnelEnded()
    }

    func finishTunnelOutput() {
        tunnel?.isOutputOver = true
        restartTunnelTime()
        emit()
        if !isBlocked { tunnelDrained() }
    }

    /// The client has taken what was queued.
    func tunnelDrained() {
        awaitTunnelEvents()
        if tunnel?.isOutputOver == true { connection?.shutDownSending() }
    }

    func finishTunnel() {
        closes = true
        // It may break before the head that opened it has gone out.
        emit()
        complete()
        if isBlocked { awaitRoom() }
    }

    func tunnelDeadlinePassed() {
        guard let connection, let tunnel else { return }
        if connection.isPeerGone { return fail() }
        if connection.deadline < tunnel.end { return awaitTunnelEvents() }
        handler.deadlinePassed(.tunnel)
    }
}
