// `cache` of a route: which responses are stored, under which key, and for how long.

/// The key `cache` of a route.
package struct CacheSettings: Sendable, Hashable {
    package enum Mode: String, Sendable, Hashable, CaseIterable {
        /// The response's own directives apply; `timeout` and `statuses` are used for responses without a lifetime.
        case standard
        /// `timeout` and `statuses` replace the response's own directives.
        case force
    }

    /// Whether `Cache-Control` in requests counts.
    package enum ClientControl: String, Sendable, Hashable, CaseIterable {
        case honour
        case ignore
    }

    /// Whether a request with `Cookie` is somebody's own.
    package enum Cookies: String, Sendable, Hashable, CaseIterable {
        /// `Cookie` is one of the credentials.
        case credentials
        /// Cookies make no difference to responses.
        case ignore
    }

    /// What POST requests do.
    package enum Post: String, Sendable, Hashable, CaseIterable {
        /// They change something: each one runs.
        case writes
        /// They read, as GET does.
        case reads
    }

    /// How the query is used in the key.
    package enum Query: String, Sendable, Hashable, CaseIterable {
        /// Pairs sorted by name; pairs with the same name keep their order.
        case sorted
        /// Byte for byte.
        case exact
        /// Left out.
        case ignore
    }

    /// Whether the fields that name groups of responses (`Cache-Tag`, `Surrogate-Key`, `xkey`) reach clients.
    package enum TagHeaders: String, Sendable, Hashable, CaseIterable {
        case keep
        case remove
    }

    /// What stands in Redis.
    package enum Record: String, Sendable, Hashable, CaseIterable {
        /// Head and content, as only Larder reads them.
        case whole
        /// The content alone, which is JSON.
        case json
    }

    package var methods: CachedMethods = [.get, .head]
    package var record = Record.whole
    /// The freshness lifetime that the route gives (RFC 9111 §4.2.1 order is kept in `standard` mode). In `force` mode
    /// it or `statuses` is set.
    package var timeout: Milliseconds?
    /// Replaces `timeout` for certain statuses. Sorted from exact to general, without duplicates: the first selector that
    /// matches applies.
    package var statuses: [StatusTimeout] = []
    /// Share of the time since `Last-Modified` that is used as the lifetime (RFC 9111 §4.2.2); nil turns heuristics off.
    package var heuristic: Percent?
    /// The longest lifetime that `heuristic` gives.
    package var heuristicCap = Milliseconds.hours(24)
    /// For responses without a `stale-while-revalidate` of their own (RFC 5861 §3).
    package var staleWhileRevalidate: Milliseconds?
    /// For responses without a `stale-if-error` of their own (RFC 5861 §4).
    package var staleIfError: Milliseconds?
    /// How long a stale response is kept, to be revalidated, or served while the origin can't be reached.
    package var keep = Milliseconds.seconds(600)
    /// Up to such a share of each lifetime is cut off, of every key another one; nil cuts nothing off.
    package var jitter: Percent?
    /// Share at the end of the lifetime in which requests may trigger an early refresh; nil turns it off.
    package var earlyRefresh: Percent?
    /// How long a request waits for another's fetch of the same key; nil turns coalescing off.
    package var collapse: Milliseconds? = .seconds(5)
    /// Whether a fetch is completed for the store after its clients have disconnected.
    package var backgroundFill = true
    /// nil: the key text consists of method, scheme, authority, path and query.
    package var key: KeyTemplate?
    package var query = Query.sorted
    /// Only these query parameters (`*` globs) are used in the key; nil means all. At most one of the two lists is set.
    package var queryAllow: [String]?
    /// Query parameters (`*` globs) that are not used in the key.
    package var queryDeny: [String] = []
    package var mode = Mode.standard
    package var clientControl = ClientControl.ignore
    /// Request fields that tell who sends a request, without duplicates in any case. A lifetime that the route gives doesn't
    /// apply to requests with one of them, unless `key` names it.
    package var credentials = ["Authorization", "Cookie", "X-Api-Key", "X-Auth-Token"]
    package var cookies = Cookies.credentials
    package var post = Post.writes
    /// Whether POST requests are GraphQL, of which only query operations are cached.
    package var isGraphQL = false
    package var allowSetCookie = false
    package var allowAuthorization = false
    /// Media types that are stored, in lower case and without parameters: `application/json`, `text/*`. nil means all;
    /// never empty when it comes from a file.
    package var contentTypes: [String]?
    package var tagHeaders = TagHeaders.keep
    /// Tags of each response that is stored, beside those that it brings. Without duplicates.
    package var tags: [ParameterTemplate] = []
    /// What a successful unsafe request makes stale beside its own URL. Without duplicates.
    package var invalidates: [InvalidatedTarget] = []
    /// Whether the origin receives only what the key names. Requires `key`.
    package var isStrict = false
    /// Largest request body that is buffered to compute the key (POST, QUERY, `{body}`). Requests with a larger one bypass
    /// the cache.
    package var bodyKey = ByteCount.kibibytes(64)

    /// Requests that go past the cache: any of these holds.
    package var bypass: [BypassCondition] = []

    package init() {}
}

/// The methods that a route can cache.
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
