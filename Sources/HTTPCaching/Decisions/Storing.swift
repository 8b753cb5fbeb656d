// Decides whether a response is stored (RFC 9111 §3) and, if so, for how long and with which facts. It is asked once the
// response's head is there; that the content arrived whole is for the caller to see to (`Reason.incomplete`).

import HTTPSemantics

package enum StorageVerdict: Equatable, Sendable {
    /// - `life`: how long the record is worth keeping: what is left of its freshness, and what serving it stale and
    ///   validating it need after that.
    case store(StoredFacts, life: Seconds)
    case refuse(Reason)
}

/// - Parameter requestTime: when the request was sent to the origin (RFC 9111 §4.2.3).
package func storageVerdict(
    request: RequestFacts, response: ResponseFacts, policy: RoutePolicy, requestTime: Instant
) -> StorageVerdict {
    let directives = response.directives
    let isForced = policy.forces(response.status)
    if let reason = refusal(request, response, directives, policy, isForced: isForced) { return .refuse(reason) }

    var flags = StoredFacts.Flags(response)
    let initialAge = correctedInitialAge(response, requestTime: requestTime)
    var lifetime: Seconds
    if isForced, let timeout = policy.timeout {
        // The route's time counts from here, whatever age the response brought along.
        lifetime = initialAge + timeout
        flags.insert(.lifetimeFromRoute)
    } else {
        guard let found = freshnessLifetime(response, directives, policy) else { return .refuse(.noLifetime) }
        lifetime = response.flags.contains(.invalidAge) ? .zero : found.lifetime
        flags.formUnion(StoredFacts.Flags(directives, found.source))
    }
    lifetime = max(.zero, min(lifetime, StoredFacts.greatestLifetime))

    let staleWhileRevalidate = (isForced ? nil : directives.staleWhileRevalidate) ?? policy.staleWhileRevalidate
    let staleIfError = (isForced ? nil : directives.staleIfError) ?? policy.staleIfError
    let facts = StoredFacts(
        requestTime: requestTime, responseTime: response.responseTime, date: response.date,
        lastModifiedTime: response.lastModified ?? Instant(secondsSinceEpoch: 0), correctedInitialAge: initialAge,
        lifetime: lifetime, staleWhileRevalidate: staleWhileRevalidate, staleIfError: staleIfError,
        status: response.status, flags: flags)
    let life = facts.storageLife(retention: policy.validationRetention)
    if life > .zero { return .store(facts, life: life) }
    return .refuse(facts.flags.contains(.noCache) ? .noCacheUnvalidatable : .alreadyStale)
}

extension RoutePolicy {
    /// Whether the route's timeout replaces what the origin said. Only for statuses that are cacheable by default
    /// (RFC 9110 §15.1) or that the route names: no route means to serve its origin's 500 to everyone for the timeout
    /// that it gave without a status.
    func forces(_ status: Status) -> Bool {
        mode == .force && timeout != nil && (timeoutNamesStatus || status.isHeuristicallyCacheable)
    }
}

/// The conditions of RFC 9111 §3 and §3.5, and those of a shared cache's own prudence, in the order in which an operator
/// would want to be told of them.
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
    if policy.clientControl == .honour, request.flags.contains(.noStore) { return .requestNoStore }
    if !isForced {
        if directives.flags.contains(.mustUnderstand) {
            // With a status that is understood, must-understand takes no-store's place (RFC 9111 §5.2.2.3).
            if !status.isUnderstood { return .notUnderstood }
        } else if directives.flags.contains(.noStore) {
            return .responseNoStore
        }
        if directives.flags.contains(.private) { return .privateResponse }
    }
    if request.hasAuthorization, !policy.allowAuthorization,
        isForced || directives.flags.isDisjoint(with: [.public, .mustRevalidate, .sharedMaxAge])
    {
        return .authorization
    }
    if response.flags.contains(.setCookie), !policy.allowSetCookie { return .setCookie }
    if response.flags.contains(.varyStar) { return .varyStar }
    return nil
}

extension StoredFacts.Flags {
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

    fileprivate init(_ directives: ResponseDirectives, _ source: LifetimeSource) {
        self = []
        let said = directives.flags
        if said.contains(.noCache) { formUnion([.noCache, .neverStale]) }
        if !said.isDisjoint(with: [.mustRevalidate, .proxyRevalidate, .sharedMaxAge]) { insert(.neverStale) }
        if said.contains(.immutable) { insert(.immutable) }
        if !said.isDisjoint(with: [.noCacheFields, .privateFields]) { insert(.fieldsRemoved) }
        if source != .origin { insert(.lifetimeFromRoute) }
        if source == .origin || !said.isDisjoint(with: [.public, .mustRevalidate]) { insert(.sharedByOrigin) }
    }
}

extension StoredFacts {
    /// Freshness that is left, and the longest of what may follow it. A response that is never served stale still gains
    /// from retention if it has a validator: `no-cache` and `max-age=0` responses are stored for nothing else.
    func storageLife(retention: Seconds) -> Seconds {
        let isReusable = !flags.contains(.noCache)
        let fresh = isReusable ? max(.zero, lifetime - correctedInitialAge) : .zero
        let stale = flags.contains(.neverStale) ? .zero : max(staleWhileRevalidate, staleIfError)
        let alreadyPast = max(.zero, correctedInitialAge - lifetime)
        let served = max(.zero, stale - alreadyPast)
        return fresh + max(served, hasValidator ? retention : .zero)
    }
}
