// How a request can end: the one table that statuses, counters, logs and problem documents read. Why a request did or
// didn't hit is `HTTPCaching.Reason`'s; what was wrong with a message's bytes is `HTTPWire.WireError`'s.

/// The end of a request.
package enum Outcome: UInt8, Sendable, CaseIterable {
    // A response was sent.
    case hit, stale, revalidated, miss, bypass, tunnel, own
    // Refused by Larder before any origin was asked.
    case malformed, loop, noRoute, invalidPath, methodNotAllowed, upgradeNotAllowed
    case bodyTooLarge, headTimeout, bodyTimeout, bodyTooSlow, onlyIfCached, tooManyClients, storeDown
    // The origin failed.
    case originUnresolved, originRefused, originUntrusted, originHandshake, originBusy, outOfResources
    case originConnectTimeout, originTimeout, originMalformed, originClosed, originUpgrade, validationFailed
    // Something ended it before the response was sent whole.
    case responseCutShort, storedCutShort, clientGone, clientStalled, clientOverMemory, stopped

    /// The status that Larder responds with; 0 where it doesn't respond, or where the status is somebody else's.
    package var status: Int { row.status }
    /// Stable: part of the problem's type, the metrics' label and `/stats`.
    package var slug: StaticString { row.slug }
    package var sentence: StaticString { row.sentence }

    /// The type of error that `Proxy-Status` names (RFC 9209 §2.3); nil where it has none for what Larder refuses.
    var proxyError: StaticString? {
        switch self {
        case .validationFailed: "destination_unavailable"
        case .originUnresolved: "dns_error"
        case .originRefused: "connection_refused"
        case .originUntrusted: "tls_certificate_error"
        case .originHandshake: "tls_protocol_error"
        case .originBusy: "connection_limit_reached"
        case .outOfResources: "proxy_internal_error"
        case .originConnectTimeout: "connection_timeout"
        case .originTimeout: "http_response_timeout"
        case .originMalformed: "http_protocol_error"
        case .originClosed: "connection_terminated"
        case .upgradeNotAllowed, .originUpgrade: "http_upgrade_failed"
        case .loop: "proxy_loop_detected"
        case .hit, .stale, .revalidated, .miss, .bypass, .tunnel, .own, .malformed, .noRoute, .invalidPath,
            .methodNotAllowed, .bodyTooLarge, .headTimeout, .bodyTimeout, .bodyTooSlow, .onlyIfCached,
            .tooManyClients, .storeDown, .responseCutShort, .storedCutShort, .clientGone, .clientStalled,
            .clientOverMemory, .stopped:
            nil
        }
    }

    private var row: (status: Int, slug: StaticString, sentence: StaticString) {
        switch self {
        case .hit: (0, "hit", "served from the cache")
        case .stale: (0, "stale", "served from the cache though stale, which is allowed here")
        case .revalidated: (0, "revalidated", "served from the cache after the origin confirmed it")
        case .miss: (0, "miss", "fetched from the origin")
        case .bypass: (0, "bypass", "passed to the origin without using the cache")
        case .tunnel: (0, "tunnel", "upgraded to another protocol and passed through")
        case .own: (0, "own", "a response of Larder's own")
        case .malformed: (400, "malformed-request", "the request is not well-formed HTTP/1.1")
        case .loop: (508, "loop-detected", "the request has passed through this Larder before")
        case .noRoute: (404, "no-route", "no route matches this host and path")
        case .invalidPath:
            (400, "invalid-path", "the path is ambiguous: it has dot segments or broken percent-encoding")
        case .methodNotAllowed: (405, "method-not-allowed", "this method is not supported here")
        case .upgradeNotAllowed: (502, "upgrade-not-allowed", "the origin switched protocols without being asked")
        case .bodyTooLarge: (413, "content-too-large", "the request content exceeds the limit")
        case .headTimeout: (408, "head-timeout", "the request head did not arrive in time")
        case .bodyTimeout: (408, "content-timeout", "the request content stopped arriving")
        case .bodyTooSlow: (408, "content-too-slow", "the request content arrived too slowly")
        case .onlyIfCached:
            (504, "only-if-cached", "the request accepts only a cached response, and there is none that may be used")
        case .tooManyClients: (503, "too-many-clients", "client connection limit reached")
        case .storeDown:
            (503, "store-down", "the cache is down, and no more requests of this kind go to the upstream meanwhile")
        case .originUnresolved: (503, "origin-unresolved", "the name of the upstream server could not be resolved")
        case .originRefused: (503, "origin-unreachable", "no server of the upstream accepts connections")
        case .originUntrusted:
            (502, "tls-not-trusted", "the certificate of the upstream server could not be verified")
        case .originHandshake: (502, "tls-handshake-failed", "the TLS handshake with the upstream server failed")
        case .originBusy: (503, "origin-busy", "upstream connection limit reached")
        case .outOfResources:
            (503, "out-of-resources", "no file descriptor, port or memory is left for a connection to the upstream")
        case .originConnectTimeout:
            (504, "origin-connect-timeout", "the upstream server did not accept the connection in time")
        case .originTimeout: (504, "origin-timeout", "the upstream server did not respond in time")
        case .originMalformed: (502, "origin-broken-answer", "the upstream response is not well-formed HTTP")
        case .originClosed: (502, "origin-closed", "the upstream server closed the connection before it responded")
        case .originUpgrade:
            (502, "upgrade-impossible", "the upstream speaks HTTP/2, which can't switch to another protocol")
        case .validationFailed:
            (
                504, "validation-failed",
                "the cached response must be revalidated, and the origin cannot be reached"
            )
        case .responseCutShort: (0, "answer-cut-short", "the upstream response ended before it was complete")
        case .storedCutShort: (0, "stored-cut-short", "the rest of the response could not be read from Redis any more")
        case .clientGone: (0, "client-gone", "the client closed the connection before it had the whole response")
        case .clientStalled: (0, "client-stalled", "the client stopped reading the response")
        case .clientOverMemory:
            (0, "client-over-memory", "the client stopped reading, and held most of the memory for responses")
        case .stopped: (0, "stopped", "Larder stopped before the client had the whole response")
        }
    }
}

/// What `X-Cache` says.
package enum CacheVerdict: UInt8, Sendable, CaseIterable {
    case none, hit, stale, revalidated, miss, bypass

    package var text: StaticString {
        switch self {
        case .none: "NONE"
        case .hit: "HIT"
        case .stale: "STALE"
        case .revalidated: "REVALIDATED"
        case .miss: "MISS"
        case .bypass: "BYPASS"
        }
    }

    /// The whole line of a response's head: a HIT writes it with one copy.
    var line: StaticString {
        switch self {
        case .none: "X-Cache: NONE\r\n"
        case .hit: "X-Cache: HIT\r\n"
        case .stale: "X-Cache: STALE\r\n"
        case .revalidated: "X-Cache: REVALIDATED\r\n"
        case .miss: "X-Cache: MISS\r\n"
        case .bypass: "X-Cache: BYPASS\r\n"
        }
    }

    package var outcome: Outcome {
        switch self {
        case .none: .own
        case .hit: .hit
        case .stale: .stale
        case .revalidated: .revalidated
        case .miss: .miss
        case .bypass: .bypass
        }
    }
}
