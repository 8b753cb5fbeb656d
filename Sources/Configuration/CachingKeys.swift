// The keys of `routes.*.cache`, in the order of the documentation.

extension KeyDescription {
    static let caching = [
        key(
            "methods", "list of GET, HEAD, POST, QUERY", "[GET, HEAD]",
            "Methods to cache. The key of POST and QUERY includes the body with its Content-Type, Content-Encoding and Content-Language. A POST needs a lifetime in its response, or post: reads."
        ),
        key(
            "timeout", "DURATION", nil,
            "Lifetime of responses that don't declare one; with mode: force, of all responses. Like statuses and heuristic, it doesn't apply to requests with credentials, to POST without post: reads, or to event streams (text/event-stream, multipart/x-mixed-replace). Rounded up to whole seconds."
        ),
        key(
            "statuses", "STATUS: DURATION", "{}",
            "Lifetime by status, instead of timeout: {404: 10s, 5xx: 1s, any: 30s}. The most specific entry wins. With mode: standard, a status other than 200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414 and 501 is stored only if the response says public (RFC 9111 §4.2.2). Rounded up to whole seconds."
        ),
        key(
            "heuristic", "PERCENT | off", "off",
            "Heuristic freshness: lifetime as a share of the time since Last-Modified, for responses without a lifetime on routes without timeout. 1%–100%."
        ),
        key("heuristic_cap", "DURATION", "1d", "Longest lifetime that heuristic gives."),
        key(
            "stale_while_revalidate", "DURATION", nil,
            "How long a stale response may be served while it is refreshed in the background. The response's own stale-while-revalidate takes precedence. Rounded up to whole seconds."
        ),
        key(
            "stale_if_error", "DURATION", nil,
            "How long a stale response may be served instead of an upstream error (5xx, or 429 with Retry-After). The response's own stale-if-error takes precedence. Rounded up to whole seconds."
        ),
        key(
            "keep", "DURATION", "10m",
            "How long a response is kept once it is stale: to be revalidated, if it has ETag or Last-Modified, and to be served while the upstream can't be reached, unless it has must-revalidate, proxy-revalidate, s-maxage or no-cache. 0 keeps nothing. Rounded up to whole seconds."
        ),
        key(
            "jitter", "PERCENT | off", "off",
            "Up to this share is cut off each lifetime, whoever gives it, so that what was stored together doesn't expire together. How much depends on the key alone: it is the same for all variants, at each refresh, and in each Larder. No lifetime gets longer. 1%–100%."
        ),
        key(
            "early_refresh", "PERCENT | off", "off",
            "Last share of the lifetime in which requests may trigger a refresh in the background, with rising probability, so that popular responses don't expire. 1%–100%."
        ),
        key(
            "collapse", "DURATION | off", "5s",
            "How long a request waits for another's upstream request for the same key before it sends its own; off turns coalescing off."
        ),
        key(
            "background_fill", "on | off", "on",
            "Whether an upstream request continues after its last client has disconnected, so that its response can be stored. It ends if the response is not to be stored or larger than store.object, and a minute after the response has begun and the client has left."
        ),
        key(
            "key", "TEMPLATE", nil,
            "Template of the cache key, such as task:{id|default}; by default method and URL. Pieces: {NAME}, {path.NAME}, {query.NAME}, {header.NAME}, {cookie.NAME}, {method}, {scheme}, {host}, {path}, {query}, {body}, {route} (the route's host and path as the file has them) and {default} (the key without a template). A request that lacks a value without a default, or has it more than once, passes by the cache. Values are percent-encoded: `;` is %3B, and where the request has %3B, %253B, since an API may tell them apart; so for every visible character that may stand in a URL unencoded. Where one API responds differently by host or scheme, the key needs {host} or {scheme}. Routes whose keys can be equal must have the same upstream, or {route} in their keys."
        ),
        key(
            "query", "sorted | exact | ignore", "sorted",
            "How the query is used in the key. sorted: by name, so that the order of different parameters makes no difference; those of one name keep theirs, and names are compared decoded (sort[] is sort%5B%5D). exact: byte for byte, for APIs to which order or spelling says something, such as signed URLs, pairs that belong together (field=a&op=gt&field=b&op=lt) or parameters whose first one decides. ignore: left out."
        ),
        key("query_allow", "list of GLOB", nil, "Only these query parameters are used in the key."),
        key("query_deny", "list of GLOB", "[]", "Query parameters that are not used in the key."),
        key(
            "strict", "on | off", "off",
            "Whether a cacheable request is forwarded with only the query parameters, cookies and headers that key names, so that nothing else can influence the stored response. These headers are forwarded as well: Host (if responses depend on it, add {host} to key); Accept, Accept-Encoding and Accept-Language (responses that depend on them need Vary); Cache-Control, Pragma, Range and conditional headers; Authorization, unless allow_authorization is on; and, with {body} in key, those that describe the body. Requires key."
        ),
        key(
            "mode", "standard | force", "standard",
            "Whether the response's own caching headers apply (standard), or timeout and statuses replace them (force)."
        ),
        key(
            "client_control", "honour | ignore", "ignore",
            "Whether Cache-Control and Pragma in requests (no-cache, max-age, min-fresh, max-stale, stale-if-error) are honoured or ignored. no-store and only-if-cached always hold."
        ),
        key(
            "credentials", "list of HEADER", "[Authorization, Cookie, X-Api-Key, X-Auth-Token]",
            "Request headers that tell who sends a request. Where the lifetime comes from the route (timeout, statuses, heuristic, mode: force), a request with one of them is neither stored nor served what others got, unless key names the header. A response that declares public or a lifetime of its own is shared as RFC 9111 says. Background refreshes are sent without these headers. The list replaces the default; for Authorization, RFC 9111 §3.5 holds even where it isn't listed: see allow_authorization."
        ),
        key(
            "cookies", "credentials | ignore", "credentials",
            "ignore: cookies make no difference to the responses of this route, so Cookie is not a credential."),
        key(
            "post", "writes | reads", "writes",
            "reads: POST requests on this route change nothing, so the route's lifetime and coalescing apply to them, and they invalidate nothing. POST is then one of methods, unless methods says otherwise."
        ),
        key(
            "graphql", "on | off", "off",
            "Whether POST requests are GraphQL over HTTP: only query operations are cached, by query text, variables and operationName. Everything else (mutations, subscriptions, batches, persisted queries, extensions other than clientLibrary, what is not understood) is forwarded. Requires post: reads."
        ),
        key(
            "bypass", "list of CONDITION", "[]",
            "Requests that go past the cache, neither served from it nor stored: those with a cookie, header or query parameter, as in cookie.session, header.x-preview or query.nocache=1. * stands for any characters in names and values; without =, any value counts, and an empty one."
        ),
        key(
            "content_types", "list of MEDIA TYPE", nil,
            "Only these media types are stored, such as application/json or text/*. Responses without Content-Type are then not stored."
        ),
        key(
            "tags", "list of TEMPLATE", "[]",
            "Tags that stored responses get beside those in their Cache-Tag, Surrogate-Key or xkey, for purges by tag. {name} is a path parameter, percent-encoded as in keys: [product, \"product:{id}\"]. Up to 32 tags, and 4096 bytes for one response; one with more is not stored. They stand in a Cache-Tag of their own, in Redis too; what was stored before has them once it is refreshed."
        ),
        key(
            "tag_headers", "keep | remove", "keep",
            "Whether Cache-Tag, Surrogate-Key and xkey are sent to clients. They are used for purges either way; tags: keep and tags: remove say the same."
        ),
        key(
            "record", "whole | json", "whole",
            "What stands in Redis. json: the bare JSON body, with the rest of its lifetime as SETEX sets it, so that other programs can read and write entries. Only a 200 with application/json is stored, without Vary beyond the key and without headers that clients need; see \"Entries that an application shares\" in docs/keys.md. Needs Redis and timeout, which is also the longest life of an entry. whole: with its headers, as only Larder reads it."
        ),
        key(
            "invalidates", "list of TARGET", "[]",
            "What a successful (2xx, 3xx) unsafe request of this route, such as POST, PUT or DELETE, makes stale beside its own URL: [/products, \"/products?*\", \"/users/{id}/*\"]. Each is a path, with a query if it has one, on the host of the request; {name} is a path parameter, and a last * stands for any rest. Other Larders on the same Redis know of it at once. Up to 32."
        ),
        key(
            "allow_set_cookie", "on | off", "off",
            "Whether responses with Set-Cookie are stored. Every client then gets the same cookie."),
        key(
            "allow_authorization", "on | off", "off",
            "Whether responses to requests with Authorization are stored for everybody, whatever they declare. Every client then gets them."
        ),
        key(
            "body_key", "SIZE", "64KiB",
            "Largest request body that is buffered to compute the key. Requests with a larger one bypass the cache."),
    ]

    private static func key(
        _ name: String, _ values: String, _ defaultText: String?, _ sentence: String
    ) -> KeyDescription {
        KeyDescription("routes.*.cache.\(name)", values, defaultText, sentence)
    }
}
