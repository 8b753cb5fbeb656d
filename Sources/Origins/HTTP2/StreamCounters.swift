// What is counted of HTTP/2 connections to upstreams: by a worker, and of all workers together.

/// Since the start.
final class StreamCounters {
    var connections = 0
    var requests = 0
    /// Frames that broke the protocol, malformed responses among them.
    var faults = 0
    /// Streams that Larder has cancelled before they were over.
    var cancellations = 0
    /// Requests that servers gave back unprocessed (RFC 9113 §8.7).
    var givenBack = 0
    /// Connections that were ended for too many frames of no use.
    var floods = 0
    /// Connections that gave no sign of life.
    var silences = 0
}

/// Figures of a worker's HTTP/2 connections to upstreams, or of all workers'.
package struct StreamFigures: Sendable {
    /// Open now, and the requests that are on them.
    package var openConnections = 0
    package var openStreams = 0
    /// Since the start.
    package var connections = 0
    package var requests = 0
    package var faults = 0
    package var cancellations = 0
    package var givenBack = 0
    package var floods = 0
    package var silences = 0

    package init() {}

    init(_ counters: StreamCounters, _ open: [MultiplexedConnection]) {
        openConnections = open.count
        openStreams = open.reduce(0) { $0 + $1.streams.count }
        connections = counters.connections
        requests = counters.requests
        faults = counters.faults
        cancellations = counters.cancellations
        givenBack = counters.givenBack
        floods = counters.floods
        silences = counters.silences
    }

    package mutating func add(_ other: StreamFigures) {
        openConnections += other.openConnections
        openStreams += other.openStreams
        connections += other.connections
        requests += other.requests
        faults += other.faults
        cancellations += other.cancellations
        givenBack += other.givenBack
        floods += other.floods
        silences += other.silences
    }
}
