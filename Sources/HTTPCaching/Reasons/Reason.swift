// The reasons of verdicts, in one table: the slug goes into `Cache-Status` as `detail`, the sentence into logs,
// statistics and `explain`. Slugs are stable; tools may match on them.

package enum Reason: UInt8, Sendable, CaseIterable {
    // Bypassed without a lookup.
    case routeNotCached, methodNotCached, originConditions, authorizationNotShared, credentials, mutation
    case keyIncomplete, keyAmbiguous, bypassed
    // Not stored.
    case interimStatus, oneRequestStatus, partialContent, headResponse, incomplete, tooLarge
    case requestNoStore, responseNoStore, notUnderstood, privateResponse, authorization, setCookie, varyStar
    case noLifetime, alreadyStale, noCacheUnvalidatable, contentType, storedPrevails, postRuns, endlessStream,
        tagsTooLong, jsonType, jsonVary, jsonFields, jsonContent
    // Not reused without validation, or not at all.
    case notStored, variantNotStored, storedNoCache, requestNoCache, requestMaxAge, requestMinFresh, stale,
        mustRevalidate
    case onlyIfCached, purged, rangeNotStored
    // The response to a collapsed request could not be used.
    case waitTimedOut, unshared
    // Reused, and refreshed in the background while still fresh.
    case earlyRefresh
    // Reused though stale.
    case requestMaxStale, staleWhileRevalidate, staleIfError, disconnected, keptWhileStoreDown
    // The store itself.
    case storeUnavailable, storeTimedOut, storeSlow, fetchedElsewhere

    /// Whether it concerns this request only: other requests may still be served the stored response.
    package var isRequestsOwn: Bool {
        switch self {
        case .methodNotCached, .originConditions, .authorizationNotShared, .headResponse, .requestNoStore,
            .authorization, .credentials, .mutation, .keyIncomplete, .keyAmbiguous, .bypassed,
            .postRuns,
            .requestNoCache, .requestMaxAge, .requestMinFresh, .requestMaxStale, .onlyIfCached:
            true
        case .routeNotCached, .interimStatus, .oneRequestStatus, .partialContent, .incomplete, .tooLarge,
            .responseNoStore, .notUnderstood, .privateResponse, .setCookie, .varyStar, .noLifetime, .alreadyStale,
            .noCacheUnvalidatable, .contentType, .storedPrevails, .endlessStream, .tagsTooLong, .jsonType, .jsonVary,
            .jsonFields, .jsonContent, .notStored,
            .variantNotStored,
            .storedNoCache,
            .stale, .mustRevalidate, .purged, .rangeNotStored, .waitTimedOut, .unshared, .earlyRefresh,
            .staleWhileRevalidate,
            .staleIfError, .disconnected, .keptWhileStoreDown, .storeUnavailable, .storeTimedOut, .storeSlow,
            .fetchedElsewhere:
            false
        }
    }

    /// A token (RFC 9110 §5.6.2), so that `Cache-Status` needs no quotes.
    package var slug: StaticString { row.slug }
    /// One sentence for an operator.
    package var sentence: StaticString { row.sentence }

    private var row: (slug: StaticString, sentence: StaticString) {
        switch self {
        case .routeNotCached: ("route", "The route caches nothing.")
        case .methodNotCached: ("method", "The route does not cache this request method.")
        case .originConditions:
            (
                "origin-conditions",
                "The request carries If-Match or If-Unmodified-Since, which only the origin evaluates."
            )
        case .authorizationNotShared:
            (
                "authorized-request",
                "The request carries Authorization and the origin did not say that what is stored is for all."
            )
        case .credentials:
            (
                "credentials",
                "The request carries credentials that the key does not name, and only the route gives a lifetime."
            )
        case .keyIncomplete: ("key-incomplete", "The request lacks a value of the route's key that has no default.")
        case .keyAmbiguous: ("key-ambiguous", "The request has a value of the route's key more than once.")
        case .bypassed: ("bypass", "The route's bypass takes the request past the cache.")
        case .mutation: ("graphql", "The request's content is not known to be a GraphQL query operation.")
        case .interimStatus: ("interim", "The status is not a final one.")
        case .oneRequestStatus: ("status", "The status responds to the conditions or ranges of one request only.")
        case .partialContent: ("partial", "A partial response is not stored.")
        case .headResponse: ("head", "A response to HEAD has no content to store.")
        case .incomplete: ("incomplete", "The response ended before it was complete.")
        case .tooLarge: ("too-large", "The response is larger than the limit for a stored response.")
        case .requestNoStore: ("request-no-store", "The request said no-store.")
        case .responseNoStore: ("no-store", "The response said no-store.")
        case .notUnderstood:
            ("must-understand", "The response said must-understand, but Larder does not know its status code.")
        case .privateResponse: ("private", "The response said private.")
        case .authorization:
            ("authorization", "The request carried Authorization and the response did not say that it is for all.")
        case .setCookie: ("set-cookie", "The response sets a cookie, and the route does not allow storing it.")
        case .varyStar: ("vary-star", "The response varies on more than request fields (Vary: *).")
        case .noLifetime: ("no-lifetime", "Neither the response nor the route gives a lifetime for this status.")
        case .alreadyStale:
            ("already-stale", "The response was stale on arrival and has no validator to revalidate it with.")
        case .noCacheUnvalidatable:
            ("no-cache-no-validator", "The response said no-cache and has no validator to revalidate it with.")
        case .contentType: ("content-type", "The route does not store responses of this media type.")
        case .storedPrevails: ("stored-prevails", "The response is an error, and what is stored may still be served.")
        case .postRuns:
            ("post", "Only the route gives a lifetime, and it does not say that its POSTs are reads.")
        case .endlessStream: ("stream", "Only the route gives a lifetime, and the response is an endless stream.")
        case .tagsTooLong: ("tags-too-long", "The tags that the route gives to the response are too long to be stored.")
        case .jsonType:
            ("json-type", "The route stores bare JSON, and the response is not a 200 with application/json in UTF-8.")
        case .jsonVary:
            ("json-vary", "The route stores bare JSON, and the response varies by fields that the key does not name.")
        case .jsonFields:
            ("json-fields", "The route stores bare JSON, and the response has fields that must not be lost.")
        case .jsonContent: ("json-content", "The route stores bare JSON, and the content is none.")
        case .notStored: ("uri-miss", "Nothing is stored for this key.")
        case .variantNotStored: ("variant", "The responses stored for this key match other request fields (Vary).")
        case .storedNoCache: ("no-cache", "The stored response says no-cache, so it is validated before each use.")
        case .requestNoCache: ("request-no-cache", "The request said no-cache.")
        case .requestMaxAge: ("request-max-age", "The stored response is older than the request's max-age.")
        case .requestMinFresh:
            ("request-min-fresh", "The stored response does not stay fresh for as long as the request's min-fresh.")
        case .stale: ("stale", "The stored response is stale.")
        case .mustRevalidate:
            ("must-revalidate", "The stored response is stale and must not be served stale.")
        case .onlyIfCached:
            ("only-if-cached", "The request said only-if-cached, and no stored response may be used for it.")
        case .purged: ("purged", "The response stored for this key was purged.")
        case .rangeNotStored: ("range", "The stored response lacks a part of the requested range.")
        case .waitTimedOut:
            ("wait-timeout", "The coalesced request for the same key exceeded the maximum waiting time.")
        case .unshared:
            ("unshared", "The response to the coalesced request for the same key may not be shared.")
        case .earlyRefresh:
            ("early-refresh", "Served fresh, and refreshed in the background as it nears the end of its lifetime.")
        case .requestMaxStale: ("request-max-stale", "Served stale, as the request's max-stale allows.")
        case .staleWhileRevalidate: ("stale-while-revalidate", "Served stale while it is validated in the background.")
        case .staleIfError: ("stale-if-error", "Served stale, as the origin responded with an error.")
        case .disconnected: ("disconnected", "Served stale, as the origin could not be reached.")
        case .keptWhileStoreDown:
            ("kept", "Served although it is stale, or its time in memory is over, as the store is down.")
        case .storeUnavailable: ("store-down", "The store is down; treated as a miss.")
        case .storeTimedOut:
            ("store-timeout", "The store did not reply in time; treated as a miss.")
        case .storeSlow: ("store-slow", "The store replies too slowly to be asked; treated as a miss.")
        case .fetchedElsewhere:
            (
                "fetched-elsewhere",
                "Another fetch for the same key was under way, and its response is the one that is stored."
            )
        }
    }
}
