// The keys below `routes.*.cache`, in the order of the documentation.

extension KeyDescription {
    static let caching = [
        key(
            "methods", "list of GET, HEAD, POST, QUERY", "[GET, HEAD]",
            "Which methods are cached; POST and QUERY are keyed by their body too, QUERY also by the body's Content-Type, Content-Encoding and Content-Language."
        ),
        key(
            "timeout", "DURATION", nil,
            "How long a response is fresh when its origin doesn't say; in force mode, whatever the origin says. Whole seconds, rounded up."
        ),
        key(
            "statuses", "STATUS: DURATION", "{}",
            "What takes timeout's place for responses with such a status: {404: 10s, 5xx: 1s, any: 30s}, where the more exact one wins. In standard mode a status other than 200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414 and 501 needs public from the origin as well (RFC 9111 §4.2.2); in force mode the origin has no say. Whole seconds, rounded up."
        ),
        key(
            "heuristic", "PERCENT | off", "off",
            "The share of the time since Last-Modified for which a response is fresh when neither its origin nor timeout says; whole, 1% to 100%."
        ),
        key("heuristic_cap", "DURATION", "1d", "The longest that heuristic makes a response fresh."),
        key(
            "stale_while_revalidate", "DURATION", nil,
            "How long past its time a response still serves while one request renews it in the background, if it doesn't say so itself. Whole seconds, rounded up."
        ),
        key(
            "stale_if_error", "DURATION", nil,
            "How long past its time a response serves in place of the origin's 500, 502, 503 or 504, if it doesn't say so itself. Whole seconds, rounded up."
        ),
        key(
            "early_refresh", "PERCENT | off", "off",
            "The last share of its time in which a response is renewed in the background, by one request in a growing proportion, so that it never runs out under load; whole, 1% to 100%."
        ),
        key(
            "collapse", "DURATION | off", "5s",
            "How long a request waits for another's fetch of the same key before it goes to the origin itself; off never waits."
        ),
        key("key", "TEMPLATE", nil, "The key text, such as task:{id|default}; without it the whole URL."),
        key("query", "sorted | exact | ignore", "sorted", "How the query takes part in the key."),
        key("query_allow", "list of GLOB", nil, "The query parameters that alone take part in the key."),
        key("query_deny", "list of GLOB", "[]", "Query parameters that take no part in the key."),
        key(
            "strict", "on | off", "off",
            "Whether the origin sees only what key names (query parameters, cookies, headers) of a request whose answer may be stored, so that nothing else can change that answer. Other headers that pass: Host (where answers depend on it, put {host} into key), Accept, Accept-Encoding and Accept-Language (an answer that depends on them has to say so by Vary), Cache-Control, Pragma, Range, conditions, Authorization unless allow_authorization is on, and with {body} in key those that describe the content. Needs key."
        ),
        key(
            "mode", "standard | force", "standard",
            "Whether the origin's word on caching holds, or timeout and statuses replace it."),
        key(
            "client_control", "honour | ignore", "honour",
            "Whether Cache-Control in requests (no-cache, max-age and so on) counts."),
        key(
            "content_types", "list of MEDIA TYPE", nil,
            "The types that alone are stored, such as application/json or text/*; a response without Content-Type then is not."
        ),
        key(
            "tags", "keep | remove", "keep",
            "Whether Cache-Tag, Surrogate-Key and xkey reach clients. Both ways they count for purges."
        ),
        key(
            "allow_set_cookie", "on | off", "off",
            "Whether responses with Set-Cookie are stored. The cookie then goes to everyone."),
        key(
            "allow_authorization", "on | off", "off",
            "Whether force mode stores answers to requests with Authorization. They then go to everyone."),
        key(
            "body_key", "SIZE", "64KiB",
            "The longest request body that is read to be keyed; a longer one passes through uncached."),
    ]

    private static func key(
        _ name: String, _ takes: String, _ initially: String?, _ sentence: String
    ) -> KeyDescription {
        KeyDescription("routes.*.cache.\(name)", takes, initially, sentence)
    }
}
