// What is counted of HTTP/2 connections alone: by a worker, and of all workers together.

package struct HTTP2Counters: Sendable {
    package var connections = 0
    package var requests = 0
    /// Frames that broke the protocol, malformed requests among them.
    package var faults = 0
    /// Streams that were refused since as many were open as the limit allows.
    package var streamsRefused = 0
    /// Streams that clients have reset.
    package var resets = 0
    /// Connections that were ended since too many streams were reset.
    package var resetFloods = 0
    /// Connections that were ended for too many frames of no use.
    package var frameFloods = 0
    /// Connections that were ended since a header section, the first frame, or the acknowledgement of settings was late.
    package var headsLate = 0

    package init() {}

    package mutating func add(_ other: HTTP2Counters) {
        connections += other.connections
        requests += other.requests
        faults += other.faults
        streamsRefused += other.streamsRefused
        resets += other.resets
        resetFloods += other.resetFloods
        frameFloods += other.frameFloods
        headsLate += other.headsLate
    }
}
