// `limits`: bounds on everything that a client could make grow, with defaults that fit an API.

/// The key `limits`.
package struct Limits: Sendable, Hashable {
    /// Maximum size of a request or response head, start line included. Above it: 431 (client), 502 (origin).
    package var head = ByteCount.kibibytes(32)
    /// Maximum number of header fields in one head.
    package var fields = 100
    /// Maximum length of the request line. Above it: 414.
    package var requestLine = ByteCount.kibibytes(8)
    /// Maximum size of a request's content; 0 means unlimited. Above it: 413.
    package var body = ByteCount.gibibytes(1)
    /// Maximum memory that responses under way hold beyond the memory store, over all clients.
    package var memory = ByteCount.mebibytes(256)
    /// Maximum number of client connections, over all workers.
    package var clients = 20_000
    /// Whether somebody asked for just that many.
    package var clientsAreStated = Provenance(isStated: false)
    /// Maximum number of requests on one connection; 0 means unlimited.
    package var requests = 10_000
    /// Maximum number of requests in progress on one HTTP/2 connection.
    package var streams = 128
    /// Maximum number of stored variants (`Vary`) per key.
    package var variants = 64
    /// Time from the first byte of a request head to its last.
    package var headTimeout = Milliseconds.seconds(10)
    /// Maximum time between two reads of the request's content.
    package var readTimeout = Milliseconds.seconds(30)
    /// Minimum rate of the request's content, in bytes per second on average; 0 turns it off.
    package var uploadRate = ByteCount(256)
    /// Maximum time in which the client accepts no data.
    package var writeTimeout = Milliseconds.seconds(30)
    /// Maximum time between two requests on a connection.
    package var idleTimeout = Milliseconds.seconds(75)
    /// Maximum time without data in either direction on an upgraded connection.
    package var tunnelTimeout = Milliseconds.hours(1)
    /// Length of the listeners' accept queue.
    package var backlog = 1024

    package init() {}
}

/// Whether a value is stated in the file. It makes no difference between two configurations: what holds is the value.
package struct Provenance: Sendable, Hashable {
    package let isStated: Bool

    package init(isStated: Bool) { self.isStated = isStated }

    package static func == (left: Provenance, right: Provenance) -> Bool { true }
    package func hash(into hasher: inout Hasher) {}
}
