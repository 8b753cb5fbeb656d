// One member of `Cache-Status` (RFC 9211), as a value that is appended to a serialised head. It follows the members of
// caches nearer to the origin, since the member nearest to the client comes last.

import Bytes
import HTTPSemantics

package struct CacheStatus: Equatable, Sendable {
    /// Why the request was forwarded (RFC 9211 §2.2).
    package enum Forward: UInt8, Sendable, CaseIterable {
        case bypass, method, uriMiss, varyMiss, miss, request, stale, partial

        fileprivate var token: StaticString {
            switch self {
            case .bypass: "bypass"
            case .method: "method"
            case .uriMiss: "uri-miss"
            case .varyMiss: "vary-miss"
            case .miss: "miss"
            case .request: "request"
            case .stale: "stale"
            case .partial: "partial"
            }
        }
    }

    /// A hit or a forwarded request, never both (RFC 9211 §2.1).
    package enum Handling: Equatable, Sendable {
        case hit
        case forwarded(Forward)
    }

    package var handling: Handling
    /// The origin's status, if the client gets a different one.
    package var forwardStatus: Status?
    package var timeToLive: Seconds?
    package var isStored = false
    /// Whether the request was collapsed with another one; nil if that was not attempted.
    package var isCollapsed: Bool?
    package var detail: Reason?

    package init(_ handling: Handling) { self.handling = handling }

    /// The maximum length of a member, so that space is reserved once.
    package static let greatestLength = 160

    /// Appends `larder; …`.
    package func append(to bytes: inout [UInt8]) {
        switch handling {
        case .hit: bytes.append("larder; hit")
        case .forwarded(let forward):
            bytes.append("larder; fwd=")
            bytes.append(forward.token)
            if let forwardStatus {
                bytes.append("; fwd-status=")
                bytes.append(decimal: Int64(forwardStatus.code))
            }
        }
        if let timeToLive {
            bytes.append("; ttl=")
            bytes.append(decimal: timeToLive.count)
        }
        if handling != .hit {
            if isStored { bytes.append("; stored") }
            if let isCollapsed { bytes.append(isCollapsed ? "; collapsed" : "; collapsed=?0") }
        }
        if let detail {
            bytes.append("; detail=")
            bytes.append(detail.slug)
        }
    }
}

extension Reason {
    /// The `fwd` parameter of a request that was forwarded for this reason.
    package var forward: CacheStatus.Forward {
        switch self {
        case .routeNotCached, .originConditions, .authorizationNotShared, .credentials, .mutation, .keyIncomplete,
            .keyAmbiguous, .bypassed, .storeUnavailable:
            .bypass
        case .methodNotCached: .method
        case .notStored, .purged: .uriMiss
        case .variantNotStored: .varyMiss
        case .requestNoCache, .requestMaxAge, .requestMinFresh, .onlyIfCached: .request
        case .storedNoCache, .stale, .mustRevalidate, .requestMaxStale, .staleWhileRevalidate, .staleIfError,
            .disconnected, .keptWhileStoreDown, .earlyRefresh:
            .stale
        case .partialContent, .rangeNotStored: .partial
        case .storeTimedOut, .storeSlow, .fetchedElsewhere, .interimStatus, .oneRequestStatus, .headResponse,
            .incomplete, .tooLarge, .requestNoStore, .responseNoStore, .notUnderstood, .privateResponse,
            .authorization, .setCookie, .varyStar, .noLifetime, .alreadyStale, .noCacheUnvalidatable, .contentType,
            .storedPrevails, .postRuns, .endlessStream, .tagsTooLong, .jsonType, .jsonVary, .jsonFields,
            .jsonContent, .waitTimedOut, .unshared:
            .miss
        }
    }
}
