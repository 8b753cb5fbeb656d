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

/// `corrected_initial_age`: the larger of what the clocks say and what `Age` says with the delay added.
func correctedInitialAge(_ response: ResponseFacts, requestTime: Instant) -> Seconds {
    let apparentAge = max(.zero, response.responseTime - response.date)
    let responseDelay = max(.zero, response.responseTime - requestTime)
    return min(max(apparentAge, response.age + responseDelay), .greatestDelta)
}
