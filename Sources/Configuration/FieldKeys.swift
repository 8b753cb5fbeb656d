// The keys of `routes.*.request` and `routes.*.response`, in the order of the documentation.

extension KeyDescription {
    static let fields = [
        KeyDescription(
            "routes.*.request", "KEYS", nil,
            "Changes to the headers that the upstream gets. The cache key is made of the client's own headers; Vary is matched with what the upstream got. Larder's own headers and those of one connection can't be changed."
        ),
        KeyDescription(
            "routes.*.request.set", "HEADER: VALUE", nil,
            "Headers that replace the client's. A value may contain {client_ip}, {request_id}, {host}, {route} and the path's parameters; {{ is a literal {. Where a value comes out empty, the header is only removed. A header that is set or removed, other than Authorization, is no credential of the client's."
        ),
        KeyDescription(
            "routes.*.request.add", "HEADER: VALUE or list", nil, "Headers that are added to the client's."),
        KeyDescription(
            "routes.*.request.remove", "list of HEADER", nil, "Headers of the client's that the upstream doesn't get."
        ),
        KeyDescription(
            "routes.*.response", "KEYS", nil,
            "Changes to the headers of the upstream's responses, whatever their status, each time one is sent: fresh or from the cache. What is stored stays as the upstream sent it, and caching goes by that. Larder's own error responses aren't changed."
        ),
        KeyDescription(
            "routes.*.response.set", "HEADER: VALUE", nil,
            "Headers that replace the upstream's. Values as in request.set."),
        KeyDescription(
            "routes.*.response.add", "HEADER: VALUE or list", nil, "Headers that are added to the upstream's."),
        KeyDescription(
            "routes.*.response.remove", "list of HEADER", nil, "Headers that clients don't get."),
        KeyDescription(
            "routes.*.response.cache_control", "CACHE-CONTROL", nil,
            "What browsers and other caches are told instead of the upstream's Cache-Control, Expires and Pragma, such as public, max-age=60; Larder itself goes by what the upstream said and by cache. It is for GET, HEAD and QUERY, and statuses below 400. Unless it says private, no-cache or no-store, it isn't sent with responses that may be one client's own: to requests with credentials, and those not stored that set a cookie or say private, no-cache or no-store. Its seconds count from when the response is sent: the response's Age is added to them."
        ),
    ]
}
