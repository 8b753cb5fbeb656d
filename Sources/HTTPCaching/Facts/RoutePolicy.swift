// The settings of a route's `cache` section that caching decisions need. A plain value: created once per route when the
// configuration is read, copied freely.

import HTTPSemantics

package struct RoutePolicy: Sendable {
    package enum Mode: UInt8, Sendable {
        /// RFC 9111; `timeout` is the lifetime of a response without one of its own.
        case standard
        /// `timeout` overrides the origin's caching directives, `no-store` and `private` included.
        case force
    }

    /// Whether the directives of requests (RFC 9111 §5.2.1) are followed.
    package enum ClientControl: UInt8, Sendable {
        /// A client that sends `no-cache` gets a response that the origin has validated.
        case honour
        /// The default: clients don't decide how often the origin is asked. Permitted, since the directives are advisory
        /// (RFC 9111 §5.2.1). `no-store` and `only-if-cached` hold all the same: neither costs the origin a request.
        case ignore
    }

    package var methods: CachedMethods = [.get, .head]
    package var timeout: Seconds?
    /// Whether `timeout` was given for the response's status: see `applying(_:to:)`.
    package var timeoutNamesStatus = false
    package var mode = Mode.standard
    package var clientControl = ClientControl.ignore
    package var allowSetCookie = false
    package var allowAuthorization = false
    /// Whether a POST on this route reads. Otherwise it runs each time, and the route gives its response no lifetime.
    package var postReads = false
    /// Applies if the response has no `stale-while-revalidate` of its own.
    package var staleWhileRevalidate: Seconds = 0
    /// Applies if the response has no `stale-if-error` of its own.
    package var staleIfError: Seconds = 0
    /// The percentage of the time since `Last-Modified` that counts as lifetime; nil turns heuristics off (§4.2.2).
    package var heuristicPercentage: UInt8?
    package var heuristicCap: Seconds = 86_400
    /// How long a response is kept once it is stale, so that a 304 can freshen it, or that it can be served while the
    /// origin can't be reached.
    package var keep: Seconds = 600

    /// What is cut off each lifetime; nothing by default.
    package var shortening = Shortening.none

    package init() {}

    /// Whether a request with this method may be answered from the route's own lifetime, repeated in the background, or share
    /// another's response.
    package func reads(_ method: Method) -> Bool { method != .post || postReads }
}

/// The share of a lifetime that is cut off, so that what was stored at the same time doesn't expire at the same time. A
/// lifetime only ever gets shorter: nothing is fresh for longer than its origin, or the route, has said.
package struct Shortening: Equatable, Sendable {
    /// In 1/65536 of the lifetime.
    let share: UInt32

    package static let none = Shortening(share: 0)

    private init(share: UInt32) { self.share = share }

    /// - Parameters:
    ///   - percentage: at most that much is cut off; from 0 to 100.
    ///   - number: decides how much. The same for all variants of a resource, each time that they are freshened, and in each
    ///     process, so that they go on expiring together; another one for each resource. Its bits must be as good as random.
    package init(upTo percentage: UInt8, by number: UInt64) {
        let most = UInt64(min(percentage, 100)) * 65_536 / 100
        share = UInt32(most.multipliedFullWidth(by: number).high)
    }

    /// Rounded up to whole seconds, so that a lifetime of one second stays one.
    func applied(to lifetime: Seconds) -> Seconds {
        guard share > 0, lifetime > .zero else { return lifetime }
        let cut = UInt64(lifetime.count).multipliedFullWidth(by: UInt64(share))
        return lifetime - Seconds(Int64(cut.high << 48 | cut.low >> 16))
    }
}
