// Decides whether a response is stored (RFC 9111 §3) and, if so, for how long and with which facts. It runs once the
// response's head has arrived; the caller ensures that the content arrives completely (`Reason.incomplete`).

import HTTPSemantics

package enum StorageVerdict: Equatable, Sendable {
    /// - `life`: how long to keep the record: the remaining freshness lifetime, plus the time it may be served stale or
    ///   validated afterwards.
    case store(StoredFacts, life: Seconds)
    case refuse(Reason)
}

/// - Parameter requestTime: when the request was sent to the origin (RFC 9111 §4.2.3).
package func storageVerdict(
    request: RequestFacts, response: ResponseFacts, policy: RoutePolicy, requestTime: Instant
) -> StorageVerdict {
    let directives = response.directives
    let isForced = policy.forces(response.status) && policy.reads(request.method)
    if let reason = refusal(request, response, directives, policy, isForced: isForced) { return .refuse(reason) }

    var flags = StoredFacts.Flags(response)
    let initialAge = correctedInitialAge(response, requestTime: requestTime)
    var lifetime: Seconds
    let source: LifetimeSource
    if isForced, let timeout = policy.timeout {
        // The route's timeout starts now, whatever age the response arrived with.
        lifetime = initialAge + policy.shortening.applied(to: timeout)
        source = .timeout
        flags.insert(.lifetimeFromRoute)
    } else {
        guard let found = freshnessLifetime(response, directives, policy) else { return .refuse(.noLifetime) }
        (lifetime, source) = (policy.shortening.applied(to: found.lifetime), found.source)
        flags.formUnion(StoredFacts.Flags(directives, found.source, found.lifetime))
    }
    if source != .origin, !policy.reads(request.method) { return .refuse(.postRuns) }
    if flags.contains(.lifetimeFromRoute) {
        // The route knows nothing of when a stream ends.
        if response.flags.contains(.endlessStream) { return .refuse(.endlessStream) }
    }
    // Nor of who may be given a response.
    guard flags.isShared(with: request, policy) else { return .refuse(.credentials) }
    lifetime = max(.zero, min(lifetime, StoredFacts.greatestLifetime))

    let staleWhileRevalidate = (isForced ? nil : directives.staleWhileRevalidate) ?? policy.staleWhileRevalidate
    let staleIfError = (isForced ? nil : directives.staleIfError) ?? policy.staleIfError
    let facts = StoredFacts(
        requestTime: requestTime, responseTime: response.responseTime, date: response.date,
        lastModifiedTime: response.lastModified ?? Instant(secondsSinceEpoch: 0), correctedInitialAge: initialAge,
        lifetime: lifetime, staleWhileRevalidate: staleWhileRevalidate, staleIfError: staleIfError,
        status: response.status, flags: flags)
    let life = facts.storageLife(keep: policy.keep)
    if life > .zero { return .store(facts, life: life) }
    return .refuse(facts.flags.contains(.noCache) ? .noCacheUnvalidatable : .alreadyStale)
}

extension RoutePolicy {
    /// Whether the route's timeout replaces what the origin said. Only for statuses that are cacheable by default (RFC
    /// 9110 §15.1) or that the route names: a timeout without a status isn't meant to serve an origin's 500 to
    /// everyone.
    func forces(_ status: Status) -> Bool {
        mode == .force && timeout != nil && (timeoutNamesStatus || status.isHeuristicallyCacheable)
    }
}

/// The conditions of RFC 9111 §3 and §3.5, and those that a shared cache adds for safety, in the order in which they
/// help an operator most.
private func refusal(
    _ request: RequestFacts, _ response: ResponseFacts, _ directives: ResponseDirectives, _ policy: RoutePolicy,
    isForced: Bool
) -> Reason? {
    let status = response.status
    guard policy.methods.allows(request.method) else { return .methodNotCached }
    guard request.method != .head else { return .headResponse }
    guard status.isFinal else { return .interimStatus }
    guard !status.answersOneRequestOnly else { return .oneRequestStatus }
    guard status.code != 206 else { return .partialContent }
    if request.flags.contains(.noStore) { return .requestNoStore }
    if !isForced {
        if directives.flags.contains(.mustUnderstand) {
            // If the status is understood, must-understand overrides no-store (RFC 9111 §5.2.2.3).
            if !status.isUnderstood { return .notUnderstood }
        } else if directives.flags.contains(.noStore) {
            return .responseNoStore
        }
        if directives.flags.contains(.private) { return .privateResponse }
    }
    if request.hasAuthorization, !policy.allowAuthorization,
        isForced || directives.flags.isDisjoint(with: [.public, .mustRevalidate, .sharedMaxAge])
    {
        return request.hasCredentials && policy.givesLifetime && !response.hasExplicitFreshness
            ? .credentials : .authorization
    }
    if response.flags.contains(.setCookie), !policy.allowSetCookie { return .setCookie }
    if response.flags.contains(.varyStar) { return .varyStar }
    return nil
}

extension RoutePolicy {
    fileprivate var givesLifetime: Bool { timeout != nil || heuristicPercentage != nil }
}

extension StoredFacts.Flags {
    /// Whether a request's credentials are no obstacle to sharing (RFC 9111 §3.5, §7.3).
    func isShared(with request: RequestFacts, _ policy: RoutePolicy) -> Bool {
        contains(.sharedByOrigin)
            || !request.hasCredentials && (!request.hasAuthorization || policy.allowAuthorization)
    }

    fileprivate init(_ response: ResponseFacts) {
        self = []
        if response.flags.contains(.strongETag) { insert(.strongETag) }
        if response.flags.contains(.weakETag) { insert(.weakETag) }
        if response.flags.contains(.lastModified) { insert(.lastModified) }
        if response.flags.contains(.varyNames) { insert(.varies) }
        if response.flags.contains(.tags) { insert(.tagged) }
        if response.flags.contains(.groups) { insert(.grouped) }
        if response.flags.contains(.noVarySearch) { insert(.searchVaries) }
    }

    fileprivate init(_ directives: ResponseDirectives, _ source: LifetimeSource, _ lifetime: Seconds) {
        self = []
        let said = directives.flags
        if said.contains(.noCache) { formUnion([.noCache, .neverStale]) }
        if !said.isDisjoint(with: [.mustRevalidate, .proxyRevalidate, .sharedMaxAge]) { insert(.neverStale) }
        if said.contains(.immutable) { insert(.immutable) }
        if !said.isDisjoint(with: [.noCacheFields, .privateFields]) { insert(.fieldsRemoved) }
        switch source {
        case .timeout, .heuristic: insert(.lifetimeFromRoute)
        case .origin, .none:
            // A lifetime of nothing shares nothing: it is by the route's word that such a response is served stale. Where it
            // never is, the origin validates it before each use, and sees the request.
            let ownStale = max(directives.staleWhileRevalidate ?? .zero, directives.staleIfError ?? .zero)
            if lifetime > .zero || contains(.neverStale) || ownStale > .zero { insert(.sharedByOrigin) }
        }
        if said.contains(.public) { insert(.sharedByOrigin) }
    }
}

extension StoredFacts {
    /// The remaining freshness lifetime, plus the longest of the periods that may follow it.
    /// - Parameter keep: how long a stale response is kept for its validator, or to be served while the origin can't be
    ///   reached (RFC 9111 §4.2.4). With a validator that is of use even for a response that is never served stale:
    ///   `no-cache` and `max-age=0` responses are stored for nothing else. Without one, a response with no lifetime is
    ///   not kept: its origin wants none of it reused, and every request would write it anew.
    func storageLife(keep: Seconds) -> Seconds {
        let isReusable = !flags.contains(.noCache)
        let fresh = isReusable ? max(.zero, lifetime - correctedInitialAge) : .zero
        let mayBeStale = !flags.contains(.neverStale)
        let stale = mayBeStale ? max(staleWhileRevalidate, staleIfError) : .zero
        let alreadyPast = max(.zero, correctedInitialAge - lifetime)
        let served = max(.zero, stale - alreadyPast)
        let isKept = hasValidator || mayBeStale && lifetime > .zero
        return fresh + max(served, isKept ? keep : .zero)
    }
}
