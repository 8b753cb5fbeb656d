// Decides what a response means for the stored response that the origin was asked about (RFC 9111 §4.3.3), and so for
// everybody who is served from that. A response for one client is no verdict on what all share: only a response that
// may be stored itself, and a 404 or 410, takes the place of what is stored. A failure of the origin's is what RFC 5861
// lets a stale response stand in for.

import HTTPSemantics

package enum ReplacementVerdict: Equatable, Sendable {
    /// It is stored, and takes the place of what was.
    case replaces
    /// It takes the place of what is stored and may not be stored itself: that place is empty from now on.
    case removes(Reason)
    /// It is for the client that asked for it: what is stored stays, and the next response may be another one.
    case leaves(Reason)
    /// The origin has failed: what is stored stays, and is served stale where that is allowed.
    case originFailed(Reason)
}

/// - Parameters:
///   - storage: whether the response itself may be stored.
///   - stored: the response that is stored, if there is one.
package func replacementVerdict(
    of status: Status, hasRetryAfter: Bool, _ storage: StorageVerdict, stored: StoredFacts?, policy: RoutePolicy,
    now: Instant
) -> ReplacementVerdict {
    switch storage {
    case .refuse(let reason): return replacementVerdict(of: status, hasRetryAfter: hasRetryAfter, refusedFor: reason)
    case .store(let facts, _):
        guard let stored, prevails(stored, over: facts, policy, now) else { return .replaces }
        return .leaves(.storedPrevails)
    }
}

/// The verdict on a response that may not be stored.
package func replacementVerdict(of status: Status, hasRetryAfter: Bool, refusedFor reason: Reason) -> ReplacementVerdict
{
    if isOriginFailure(status, hasRetryAfter: hasRetryAfter) { return .originFailed(reason) }
    // Whatever else such a response says of its own use, it says that there is nothing any more; unless it says so to
    // one client only.
    let isForOne = reason.isRequestsOwn || reason == .privateResponse
    return status.isGone && !isForOne ? .removes(reason) : .leaves(reason)
}

/// Whether `stale-if-error` covers it and a refresh in the background has failed: a 5xx, and a 429 that says when to
/// come back (RFC 6585 §4). A 429 that doesn't is for the client that sent too many requests.
package func isOriginFailure(_ status: Status, hasRetryAfter: Bool) -> Bool {
    status.isOriginFailure || status.code == 429 && hasRetryAfter
}

/// Whether an error that may be stored is left out of the store all the same, since what is stored serves everybody
/// else. One client's error with a lifetime would otherwise be everybody's.
private func prevails(
    _ stored: StoredFacts, over error: StoredFacts, _ policy: RoutePolicy, _ now: Instant
) -> Bool {
    guard error.status.isError, !error.status.isGone, stored.status.isNonError else { return false }
    switch reuseVerdict(stored: stored, request: RequestFacts(method: .get), policy: policy, now: now) {
    case .fresh, .stale: return true
    case .validate(_, _, let fallback):
        // Where the origin itself gave the error a lifetime it means the error to be shared.
        return fallback.contains(.onError) && error.flags.contains(.lifetimeFromRoute)
    case .bypass, .refuse: return false
    }
}
