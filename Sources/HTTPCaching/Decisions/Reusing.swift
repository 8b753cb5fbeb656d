// Decides whether a stored response may answer a request (RFC 9111 §4). Its key and its variant have matched already. Two
// functions: before the store is asked, and with what it held. Called once per request: the usual case is a handful of
// comparisons.

package enum LookupVerdict: Equatable, Sendable {
    case lookUp
    /// Goes to the origin past the cache.
    case bypass(Reason)
}

package enum ReuseVerdict: Equatable, Sendable {
    /// Served as it is.
    case fresh(age: Seconds, timeToLive: Seconds)
    /// Served as it is though stale (`timeToLive` is zero or negative); with `.staleWhileRevalidate` the caller validates
    /// it in the background.
    case stale(age: Seconds, timeToLive: Seconds, Reason)
    /// Validated with the origin first; `fallback` tells what may be done with it if that fails.
    case validate(Reason, timeToLive: Seconds, fallback: StaleFallback)
    /// Goes to the origin without the stored response's help.
    case bypass(Reason)
    /// Answered 504 (RFC 9111 §5.2.1.7).
    case refuse(Reason)
}

/// When a stored response whose validation failed may be served after all (RFC 9111 §4.2.4, RFC 5861 §4).
package struct StaleFallback: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The origin can't be reached or doesn't answer.
    package static let onDisconnect = StaleFallback(rawValue: 1)
    /// The origin answers 500, 502, 503 or 504 (`Status.isOriginFailure`).
    package static let onError = StaleFallback(rawValue: 2)
}

/// Whether the store is asked at all.
package func lookupVerdict(request: RequestFacts, policy: RoutePolicy) -> LookupVerdict {
    if policy.methods.isEmpty { return .bypass(.routeNotCached) }
    guard policy.methods.allows(request.method) else { return .bypass(.methodNotCached) }
    if request.hasOriginConditions { return .bypass(.originConditions) }
    return .lookUp
}

/// What to do when the store held nothing: nil to go to the origin, or the reason to answer 504.
package func missRefusal(request: RequestFacts, policy: RoutePolicy) -> Reason? {
    policy.clientControl == .honour && request.flags.contains(.onlyIfCached) ? .onlyIfCached : nil
}

package func reuseVerdict(
    stored: StoredFacts, request: RequestFacts, policy: RoutePolicy, now: Instant
) -> ReuseVerdict {
    let age = stored.currentAge(at: now)
    let timeToLive = stored.lifetime - age
    if request.isPlain, timeToLive > .zero, !stored.flags.contains(.noCache) {
        return .fresh(age: age, timeToLive: timeToLive)
    }
    let left = stored.millisecondsToLive(at: now)
    let verdict = fullVerdict(stored, request, policy, age: age, timeToLive: timeToLive, left: left)
    switch verdict {
    case .validate, .bypass:
        return missRefusal(request: request, policy: policy).map { .refuse($0) } ?? verdict
    case .fresh, .stale, .refuse:
        return verdict
    }
}

/// - Parameter left: what is left of the lifetime in milliseconds. All limits are compared with it, since whole seconds
///   would stretch each by up to one.
private func fullVerdict(
    _ stored: StoredFacts, _ request: RequestFacts, _ policy: RoutePolicy, age: Seconds, timeToLive: Seconds,
    left: Int64
) -> ReuseVerdict {
    // A lifetime that the route made up says nothing about who may share the response: an origin that answers by
    // Authorization, and says nothing of caching, must see the request.
    if request.hasAuthorization, !policy.allowAuthorization, !stored.flags.contains(.sharedByOrigin) {
        return .bypass(.authorizationNotShared)
    }
    if stored.flags.contains(.noCache) { return .validate(.storedNoCache, timeToLive: timeToLive, fallback: []) }
    let isHonoured = policy.clientControl == .honour
    if isHonoured, let reason = objection(of: request, to: stored, left: left) {
        let fallback = reason == .requestNoCache ? [] : fallback(stored, request, isHonoured, left: left)
        return .validate(reason, timeToLive: timeToLive, fallback: fallback)
    }
    if left > 0 { return .fresh(age: age, timeToLive: timeToLive) }
    if stored.flags.contains(.neverStale) {
        return .validate(.mustRevalidate, timeToLive: timeToLive, fallback: [])
    }
    if isHonoured, let maxStale = request.maxStale, isWithin(maxStale, of: left) {
        return .stale(age: age, timeToLive: timeToLive, .requestMaxStale)
    }
    // A request with max-age or min-fresh wants nothing stale unless it also says max-stale (RFC 9111 §5.2.1.1).
    let takesStale = !isHonoured || request.flags.isDisjoint(with: [.maxAge, .minFresh, .maxStale])
    if takesStale, stored.staleWhileRevalidate > .zero, isWithin(stored.staleWhileRevalidate, of: left) {
        return .stale(age: age, timeToLive: timeToLive, .staleWhileRevalidate)
    }
    return .validate(.stale, timeToLive: timeToLive, fallback: fallback(stored, request, isHonoured, left: left))
}

/// What the request's own directives hold against a response (RFC 9111 §5.2.1).
private func objection(of request: RequestFacts, to stored: StoredFacts, left: Int64) -> Reason? {
    if request.asksForValidation { return .requestNoCache }
    // An immutable response can't have changed while it is fresh; a reload's max-age=0 is answered from the store, and
    // only no-cache asks for more (RFC 8246 §2).
    if let maxAge = request.maxAge, !(stored.flags.contains(.immutable) && left > 0) {
        let (age, isOver) = stored.lifetime.milliseconds.subtractingReportingOverflow(left)
        if isOver || age > maxAge.milliseconds || maxAge == .zero { return .requestMaxAge }
    }
    if let minFresh = request.minFresh, left < minFresh.milliseconds { return .requestMinFresh }
    return nil
}

/// A response that is still fresh, and was only not good enough for the client, is better than an error too.
private func fallback(
    _ stored: StoredFacts, _ request: RequestFacts, _ isHonoured: Bool, left: Int64
) -> StaleFallback {
    if left > 0 { return [.onDisconnect, .onError] }
    if stored.flags.contains(.neverStale) { return [] }
    let asked = isHonoured ? request.staleIfError ?? .zero : .zero
    let allowance = max(stored.staleIfError, asked)
    return allowance > .zero && isWithin(allowance, of: left) ? [.onDisconnect, .onError] : .onDisconnect
}

/// Whether what is past its lifetime by so much is so by no more than an allowance.
private func isWithin(_ allowance: Seconds, of left: Int64) -> Bool { left >= 0 - allowance.milliseconds }
