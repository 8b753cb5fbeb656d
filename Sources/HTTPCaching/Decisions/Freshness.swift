// The freshness lifetime (RFC 9111 §4.2.1, §4.2.2) and the age on arrival (§4.2.3).

/// Whose word the lifetime is.
enum LifetimeSource: Equatable, Sendable {
    case origin, timeout, heuristic, none
}

/// The first of s-maxage, max-age, Expires less Date, the route's timeout, and a heuristic. Nil if the response may not
/// be stored for want of any (RFC 9111 §3, last condition). Zero, from no source, for a response that is only kept to
/// be validated: it says `no-cache`, and has something to validate it by.
func freshnessLifetime(
    _ response: ResponseFacts, _ directives: ResponseDirectives, _ policy: RoutePolicy
) -> (lifetime: Seconds, source: LifetimeSource)? {
    if let lifetime = directives.sharedMaxAge ?? directives.maxAge { return (lifetime, .origin) }
    if let expires = response.expires { return (expires - response.date, .origin) }
    // A status that isn't cacheable by default gets a lifetime from here only if the origin said public (§4.2.2).
    guard response.status.isHeuristicallyCacheable || directives.flags.contains(.public) else { return nil }
    if let timeout = policy.timeout { return (timeout, .timeout) }
    if let percentage = policy.heuristicPercentage, let lastModified = response.lastModified {
        let unchanged = max(.zero, min(response.date - lastModified, .greatestDelta))
        return (min(Seconds(unchanged.count * Int64(percentage) / 100), policy.heuristicCap), .heuristic)
    }
    return directives.flags.contains(.noCache) && response.hasValidator ? (.zero, .none) : nil
}

/// `corrected_initial_age`: the larger of what the clocks say and what `Age` says with the delay added. `Date` is cut to
/// the second and may be as old as the request, so that where the two together explain the difference of the clocks, it
/// tells of no age: else a response that took 200 ms would arrive one second old whenever a second ended meanwhile. RFC
/// 9111 §4.2.3 lets `corrected_age_value` count alone in any case.
func correctedInitialAge(_ response: ResponseFacts, requestTime: Instant) -> Seconds {
    let delay = max(0, response.responseTime.milliseconds(since: requestTime))
    let correctedAge = response.age + Seconds(delay / 1000)
    let apparentAge = response.responseTime.milliseconds(since: response.date)
    let isExplained = apparentAge - 1000 < delay
    return min(isExplained ? correctedAge : max(correctedAge, Seconds(apparentAge / 1000)), .greatestDelta)
}
