// `cache` of a route: what of its responses is stored, under which key, and how long it serves.

/// The key `cache` of a route.
package struct CacheSettings: Sendable, Hashable {
    package enum Mode: String, Sendable, Hashable, CaseIterable {
        /// What the origin says holds; `timeout` and `statuses` serve where it says nothing.
        case standard
        /// `timeout` and `statuses` replace what the origin says.
        case force
    }

    /// What becomes of `Cache-Control` in requests.
    package enum ClientControl: String, Sendable, Hashable, CaseIterable {
        case honour
        case ignore
    }

    /// How the query takes part in the key.
    package enum Query: String, Sendable, Hashable, CaseIterable {
        /// Pairs sorted by name; pairs of one name keep their order.
        case sorted
        /// Byte for byte.
        case exact
        /// Left out.
        case ignore
    }

    /// Whether the fields that name groups of responses (`Cache-Tag`, `Surrogate-Key`, `xkey`) reach clients.
    package enum Tags: String, Sendable, Hashable, CaseIterable {
        case keep
        case remove
    }

    package var methods: CachedMethods = [.get, .head]
    /// The freshness lifetime that the route gives (RFC 9111 §4.2.1 order is kept in `standard` mode). In `force` mode
    /// it or `statuses` is set.
    package var timeout: Milliseconds?
    /// What takes the place of `timeout` for single statuses. The more exact selector stands first and none stands
    /// twice, so that the first that matches is the one that holds.
    package var statuses: [StatusTimeout] = []
    /// The share of the time since `Last-Modified` that serves as lifetime (RFC 9111 §4.2.2); nil turns heuristics off.
    package var heuristic: Percent?
    /// The longest lifetime that `heuristic` gives.
    package var heuristicCap = Milliseconds.hours(24)
    /// For responses without a `stale-while-revalidate` of their own (RFC 5861 §3).
    package var staleWhileRevalidate: Milliseconds?
    /// For responses without a `stale-if-error` of their own (RFC 5861 §4).
    package var staleIfError: Milliseconds?
    /// The share at the end of a lifetime in which requests refresh ahead of time; nil turns it off.
    package var earlyRefresh: Percent?
    /// How long a request waits for another one's fetch of the same key; nil never waits.
    package var collapse: Milliseconds? = .seconds(5)
    /// nil: the key text is made of method, scheme, authority, path and query.
    package var key: KeyTemplate?
    package var query = Query.sorted
    /// Names (`*` globs) that alone take part in the key; nil is all. At most one of the two lists is set.
    package var queryAllow: [String]?
    /// Names (`*` globs) that don't take part in the key.
    package var queryDeny: [String] = []
    package var mode = Mode.standard
    package var clientControl = ClientControl.honour
    package var allowSetCookie = false
    package var allowAuthorization = false
    /// The media types that are stored, in lower case and without parameters: `application/json`, `text/*`. nil is
    /// all; never empty when it comes from a file.
    package var contentTypes: [String]?
    package var tags = Tags.keep
    /// Whether the origin sees only what the key names. Never without a `key`.
    package var isStrict = false
    /// The longest request body that is read to be keyed (POST, QUERY, `{body}`); a longer one passes through uncached.
    package var bodyKey = ByteCount.kibibytes(64)

    package init() {}
}

/// The methods that a route caches. No other method can be: they are not safe, or have no meaning to a cache.
package struct CachedMethods: OptionSet, Sendable, Hashable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let get = CachedMethods(rawValue: 1)
    package static let head = CachedMethods(rawValue: 2)
    package static let post = CachedMethods(rawValue: 4)
    /// RFC 10008.
    package static let query = CachedMethods(rawValue: 8)

    /// In the order in which they are listed to people.
    package static let named: [(name: String, method: CachedMethods)] = [
        ("GET", .get), ("HEAD", .head), ("POST", .post), ("QUERY", .query),
    ]
}
