// Which stored responses a 304, or a 200 to HEAD, freshens (RFC 9111 §4.3.4, §4.3.5), and what becomes of them.
// `StoredFieldRule.mayBeUpdated` says which fields it updates. The new facts come from `storageVerdict` over the merged
// head with the stored status and the 304's times; a 304 without `Date` is dated by its arrival, so the stored `Date`
// must not replace it.

import Bytes
import HTTPSemantics

package enum FresheningVerdict: Equatable, Sendable {
    /// A strong validator matches: freshen every stored response with this verdict.
    case freshenEach
    /// A weak validator matches: freshen only the most recent stored response with this verdict.
    case freshenLatest
    /// Not this one. If no stored response is freshened, the request is sent again without conditions.
    case leave
}

/// - Parameters:
///   - etag, lastModified: the 304's field values, empty where absent.
///   - storedETag, storedLastModified: the same fields of the stored response.
///   - isOnlyCandidate: whether the conditions that were sent came from this one stored response.
package func fresheningVerdict(
    etag: Span<UInt8>, lastModified: Span<UInt8>, storedETag: Span<UInt8>, storedLastModified: Span<UInt8>,
    isOnlyCandidate: Bool
) -> FresheningVerdict {
    let new = EntityTag(field: etag)
    let stored = EntityTag(field: storedETag)
    if let new, !new.isWeak {
        guard let stored else { return .leave }
        return new.isStronglyEqual(to: stored, etag, storedETag) ? .freshenEach : .leave
    }
    if let new {
        guard let stored else { return .leave }
        return new.isWeaklyEqual(to: stored, etag, storedETag) ? .freshenLatest : .leave
    }
    if !lastModified.isEmpty {
        return lastModified.isSame(as: storedLastModified) ? .freshenLatest : .leave
    }
    // A 304 without any validator. RFC 9111 lets it freshen a sole stored response that has none either. Origins that
    // omit the validators they should repeat (RFC 9110 §15.4.5) are common, and such a 304 can only refer to the one
    // response that was asked about.
    return isOnlyCandidate ? .freshenLatest : .leave
}

/// What becomes of a stored response whose head would be another one with the fields that the origin has sent.
package enum RenewalVerdict: Equatable, Sendable {
    /// It is stored again, with these facts.
    case store(StoredFacts, life: Seconds)
    /// What the origin sent is for the client that asked: that client gets the new fields, and what is stored stays as
    /// it is.
    case leave(Reason)
    /// With its new fields it could be found by no request: nothing stays stored.
    case remove(Reason)
}

/// - Parameters:
///   - response: the facts of the merged head.
///   - requestTime: when the origin was asked for the new fields.
package func renewalVerdict(
    request: RequestFacts, response: ResponseFacts, policy: RoutePolicy, requestTime: Instant
) -> RenewalVerdict {
    switch storageVerdict(request: request, response: response, policy: policy, requestTime: requestTime) {
    case .store(let facts, let life): .store(facts, life: life)
    case .refuse(.varyStar): .remove(.varyStar)
    case .refuse(let reason): .leave(reason)
    }
}

/// The facts of a stored response with the fields of a 304 that is for one client alone: for that client's response,
/// not for any store.
/// - Parameter response: the facts of the merged head.
package func confirmedFacts(
    _ stored: StoredFacts, response: ResponseFacts, policy: RoutePolicy, requestTime: Instant
) -> StoredFacts {
    var facts = stored
    facts.requestTime = requestTime
    facts.responseTime = response.responseTime
    facts.date = response.date
    facts.correctedInitialAge = correctedInitialAge(response, requestTime: requestTime)
    let lifetime = freshnessLifetime(response, response.directives, policy)?.lifetime ?? .zero
    facts.lifetime = policy.shortening.applied(to: lifetime)
    return facts
}

package enum HeadFresheningVerdict: Equatable, Sendable {
    /// Update the stored GET response with the fields of the HEAD response.
    case update
    /// Nothing says that the stored response is still what a GET would bring: it is stale from now on.
    case expire
    /// The response is for the client that asked, and says nothing of what is stored.
    case leave
}

/// Compares the 200 response to HEAD with a stored response to GET; empty where a field is absent. Only a validator
/// that matches shows that both are of one representation; that none differs does not.
/// - Parameter refusal: why the response to a GET with the same head would not be stored; nil if it would.
package func headFresheningVerdict(
    etag: Span<UInt8>, lastModified: Span<UInt8>, contentLength: Span<UInt8>, storedETag: Span<UInt8>,
    storedLastModified: Span<UInt8>, storedContentLength: Span<UInt8>, refusal: Reason?
) -> HeadFresheningVerdict {
    switch refusal {
    case .privateResponse, .setCookie, .responseNoStore: return .leave
    case let reason? where reason.isRequestsOwn: return .leave
    default: break
    }
    let isSame =
        (etag.isEmpty || etag.isSame(as: storedETag))
        && (lastModified.isEmpty || lastModified.isSame(as: storedLastModified))
        && (contentLength.isEmpty || contentLength.isSame(as: storedContentLength))
    return isSame && !(etag.isEmpty && lastModified.isEmpty) ? .update : .expire
}
