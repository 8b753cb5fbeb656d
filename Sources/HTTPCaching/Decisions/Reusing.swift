// Decides whether a stored response may be used for a request (RFC 9111 §4). Its key and its variant have matched
// already. `lookupVerdict` decides before the lookup, `reuseVerdict` on what the lookup found. Both run once per
// request; the usual case is a handful of comparisons.

package enum LookupVerdict: Equatable, Sendable {
    case lookUp
    /// Forward the request without a lookup.
    case bypass(Reason)
}

package enum ReuseVerdict: Equatable, Sendable {
    /// Serve it.
    case fresh(age: Seconds, timeToLive: Seconds)
    /// Serve it though it is stale (`timeToLive` is zero or negative); with `.staleWhileRevalidate` the caller also
    /// revalidates it in the background.
    case stale(age: Seconds, timeToLive: Seconds, Reason)
    /// Validate it with the origin first; `fallback` says when it may be served if validation fails.
    case validate(Reason, timeToLive: Seconds, fallback: StaleFallback)
    /// Forward the request without using the stored response.
    case bypass(Reason)
    /// Respond 504 (RFC 9111 §5.2.1.7).
    case refuse(Reason)
}

/// When a stored response whose validation failed may be served after all (RFC 9111 §4.2.4, RFC 5861 §4).
package struct StaleFallback: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The origin can't be reached or doesn't respond.
    package static let onDisconnect = StaleFallback(rawValue: 1)
    /// The origin responds with a failure: see `isOriginFailure(_:hasRetryAfter:)`.
    package static let onError = StaleFallback(rawValue: 2)
}

/// Whether to look up the request in the store at all.
package func lookupVerdict(request: RequestFacts, policy: RoutePolicy) -> LookupVerdict {
    if policy.methods.isEmpty { return .bypass(.routeNotCached) }
    guard policy.methods.allows(request.method) else { return .bypass(.methodNotCached) }
    if request.hasOriginConditions { return .bypass(.originConditions) }
    return .lookUp
}

/// What to do on a miss: nil to forward the request, or the reason to respond 504.
package func missRefusal(request: RequestFacts, policy: RoutePolicy) -> Reason? {
    request.flags.contains(.onlyIfCached) ? .onlyIfCached : nil
}

package func reuseVerdict(
    stored: StoredFacts, request: RequestFacts, policy: RoutePolicy, now: Instant
) -> ReuseVerdict {
    let age = stored.currentAge(at: now)
    let timeToLive = stored.lifetime - age
    if request.isPlain, timeToLive > .zero, !stored.flags.contains(.noCache), request.method != .post {
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

/// - Parameter left: what is left of the lifetime, in milliseconds. All limits are compared with it, since whole
///   seconds would extend each by up to one second.
private func fullVerdict(
    _ stored: StoredFacts, _ request: RequestFacts, _ policy: RoutePolicy, age: Seconds, timeToLive: Seconds,
    left: Int64
) -> ReuseVerdict {
    // A lifetime that comes from the route doesn't say who may share the response: an origin that evaluates credentials,
    // and says nothing about caching, must see the request.
    guard stored.flags.isShared(with: request, policy) else {
        return .bypass(request.hasCredentials ? .credentials : .authorizationNotShared)
    }
    // It may do something each time, unless the origin says otherwise, and then only for as long as the origin says.
    let isRead = policy.reads(request.method)
    if !isRead, stored.flags.contains(.lifetimeFromRoute) { return .bypass(.postRuns) }
    if stored.flags.contains(.noCache) { return .validate(.storedNoCache, timeToLive: timeToLive, fallback: []) }
    let isHonoured = policy.clientControl == .honour
    if isHonoured, let reason = objection(of: request, to: stored, left: left) {
        let fallback = reason == .requestNoCache || !isRead ? [] : fallback(stored, request, isHonoured, left: left)
        return .validate(reason, timeToLive: timeToLive, fallback: fallback)
    }
    if left > 0 { return .fresh(age: age, timeToLive: timeToLive) }
    if stored.flags.contains(.neverStale) {
        return .validate(.mustRevalidate, timeToLive: timeToLive, fallback: [])
    }
    guard isRead else { return .validate(.stale, timeToLive: timeToLive, fallback: []) }
    if isHonoured, let maxStale = request.maxStale, isWithin(maxStale, of: left) {
        return .stale(age: age, timeToLive: timeToLive, .requestMaxStale)
    }
    // A request with max-age or min-fresh accepts nothing stale unless it also has max-stale (RFC 9111 §5.2.1.1).
    let takesStale = !isHonoured || request.flags.isDisjoint(with: [.maxAge, .minFresh, .maxStale])
    if takesStale, stored.staleWhileRevalidate > .zero, isWithin(stored.staleWhileRevalidate, of: left) {
        return .stale(age: age, timeToLive: timeToLive, .staleWhileRevalidate)
    }
    return .validate(.stale, timeToLive: timeToLive, fallback: fallback(stored, request, isHonoured, left: left))
}

/// Why the request's own directives rule out the response; nil if they don't (RFC 9111 §5.2.1).
private func objection(of request: RequestFacts, to stored: StoredFacts, left: Int64) -> Reason? {
    if request.asksForValidation { return .requestNoCache }
    // An immutable response can't change while it is fresh: a reload's max-age=0 is served from the store, only
    // no-cache forces validation (RFC 8246 §2).
    if let maxAge = request.maxAge, !(stored.flags.contains(.immutable) && left > 0) {
        let (age, isOver) = stored.lifetime.milliseconds.subtractingReportingOverflow(left)
        if isOver || age > maxAge.milliseconds || maxAge == .zero { return .requestMaxAge }
    }
    if let minFresh = request.minFresh, left < minFresh.milliseconds { return .requestMinFresh }
    return nil
}

/// A response that is still fresh, and only failed the client's own directives, is better than an error too.
private func fallback(
    _ stored: StoredFacts, _ request: RequestFacts, _ isHonoured: Bool, left: Int64
) -> StaleFallback {
    if left > 0 { return [.onDisconnect, .onError] }
    if stored.flags.contains(.neverStale) { return [] }
    let asked = isHonoured ? request.staleIfError ?? .zero : .zero
    let allowance = max(stored.staleIfError, asked)
    return allowance > .zero && isWithin(allowance, of: left) ? [.onDisconnect, .onError] : .onDisconnect
}

/// Whether a response with this much of its lifetime left is stale by no more than `allowance`.
private func isWithin(_ allowance: Seconds, of left: Int64) -> Bool { left >= 0 - allowance.milliseconds }
