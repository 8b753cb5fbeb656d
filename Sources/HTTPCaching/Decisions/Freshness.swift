// The freshness lifetime (RFC 9111 §4.2.1, §4.2.2) and the initial age (§4.2.3).

/// Where the lifetime comes from.
enum LifetimeSource: Equatable, Sendable {
    case origin, timeout, heuristic, none
}

/// The first of s-maxage, max-age, Expires less Date, the route's timeout, and a heuristic. Nil if there is none, in
/// which case the response may not be stored (RFC 9111 §3, last condition). Zero, without a source, for a response that
/// is stored only to be validated: it says `no-cache` and has a validator.
func freshnessLifetime(
    _ response: ResponseFacts, _ directives: ResponseDirectives, _ policy: RoutePolicy
) -> (lifetime: Seconds, source: LifetimeSource)? {
    if let lifetime = directives.sharedMaxAge ?? directives.maxAge { return (lifetime, .origin) }
    if let expires = response.expires { return (expires - response.date, .origin) }
    // A status that isn't cacheable by default gets a lifetime from the route or a heuristic only if the origin said
    // public (§4.2.2).
    guard response.status.isHeuristicallyCacheable || directives.flags.contains(.public) else { return nil }
    if let timeout = policy.timeout { return (timeout, .timeout) }
    if let percentage = policy.heuristicPercentage, let lastModified = response.lastModified {
        let unchanged = max(.zero, min(response.date - lastModified, .greatestDelta))
        return (min(Seconds(unchanged.count * Int64(percentage) / 100), policy.heuristicCap), .heuristic)
    }
    return directives.flags.contains(.noCache) && response.hasValidator ? (.zero, .none) : nil
}

/// `corrected_initial_age`: the larger of the apparent age and of `Age` plus the response delay. `Date` is truncated to
/// the second and may be as old as the request; if these two explain the apparent age, it counts as zero. Otherwise a
/// response that took 200 ms would arrive one second old whenever a second ended meanwhile. RFC 9111 §4.2.3 permits
/// using `corrected_age_value` alone in any case.
func correctedInitialAge(_ response: ResponseFacts, requestTime: Instant) -> Seconds {
    let delay = max(0, response.responseTime.milliseconds(since: requestTime))
    let correctedAge = response.age + Seconds(delay / 1000)
    let apparentAge = response.arrivalDate.milliseconds(since: response.date)
    let isExplained = apparentAge - 1000 < delay
    return min(isExplained ? correctedAge : max(correctedAge, Seconds(apparentAge / 1000)), .greatestDelta)
}
