// What a worker counts of its clients' HTTP/2 connections alone.

import Clients

package struct HTTP2Counters: Sendable {
    package var connections = 0
    package var requests = 0
    /// Frames that broke the protocol, malformed requests among them.
    package var faults = 0
    package var streamsRefused = 0
    /// Streams that clients have reset.
    package var resets = 0
    /// Connections that were ended since too many streams were reset.
    package var resetFloods = 0
    /// Connections that were ended for too many frames of no use.
    package var frameFloods = 0
    /// Connections that were ended since a header section, or the first frame, was late.
    package var headsLate = 0

    package init() {}

    mutating func add(_ other: ClientCounters) {
        connections += other.http2Connections
        requests += other.http2Requests
        faults += other.http2Faults
        streamsRefused += other.http2StreamsRefused
        resets += other.http2Resets
        resetFloods += other.http2ResetFloods
        frameFloods += other.http2FrameFloods
        headsLate += other.http2HeadsLate
    }

    mutating func add(_ other: HTTP2Counters) {
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
