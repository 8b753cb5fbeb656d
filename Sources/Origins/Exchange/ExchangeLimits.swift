// How long an exchange waits for what, and how often its request may be retried: an upstream's settings, or a route's own.

import Configuration

/// Times in milliseconds.
package struct ExchangeLimits: Sendable, BitwiseCopyable {
    /// For a connection, the look-up of the name included.
    package var connect: Int64
    /// From the end of the request to the first byte of the response.
    package var firstByte: Int64
    /// Between two reads of the response, or in which the server accepts nothing of the request.
    package var betweenBytes: Int64
    /// How often a request that may be repeated is retried.
    package var retries: Int

    package init(_ settings: Upstream) {
        connect = settings.connectTimeout.rawValue
        firstByte = settings.firstByteTimeout.rawValue
        betweenBytes = settings.betweenBytesTimeout.rawValue
        retries = settings.retries
    }

    /// What the route says, and its upstream's settings for the rest.
    package init(_ settings: Upstream, _ route: Route) {
        self.init(settings)
        if let time = route.timeouts.connect { connect = time.rawValue }
        if let time = route.timeouts.firstByte { firstByte = time.rawValue }
        if let time = route.timeouts.betweenBytes { betweenBytes = time.rawValue }
        if let count = route.retries { retries = count }
    }
}
