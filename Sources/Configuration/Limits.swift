// `limits`: the bound of everything that a client could grow, with defaults that fit an API.

/// The key `limits`.
package struct Limits: Sendable, Hashable {
    /// Bytes of a request's or response's head, request line included. Past it: 431 (client), 502 (origin).
    package var head = ByteCount.kibibytes(32)
    /// Header fields of one head.
    package var fields = 100
    /// Bytes of the request line. Past it: 414.
    package var requestLine = ByteCount.kibibytes(8)
    /// Bytes of a request's content; 0 is no bound. Past it: 413.
    package var body = ByteCount.gibibytes(1)
    /// Client connections of the whole process.
    package var clients = 20_000
    /// Requests on one connection before it is closed; 0 is no bound.
    package var requests = 10_000
    /// Stored responses of one key that `Vary` tells apart.
    package var variants = 64
    /// From the first byte of a head to its last.
    package var headTimeout = Milliseconds.seconds(10)
    /// Without a byte of the request's content arriving.
    package var readTimeout = Milliseconds.seconds(30)
    /// Without the client taking a byte.
    package var writeTimeout = Milliseconds.seconds(30)
    /// Between two requests of a connection.
    package var idleTimeout = Milliseconds.seconds(75)
    /// Without a byte either way in an upgraded connection.
    package var tunnelTimeout = Milliseconds.hours(1)
    /// The listeners' accept queue.
    package var backlog = 1024

    package init() {}
}
