// Decides whether a request that is answered fresh from the store also starts a refresh in the background, so that what
// many ask for never goes stale under them. As the end of the lifetime comes near a growing share of requests does: one
// that is asked for often is refreshed early in that time, one that hardly anybody wants runs out in peace. After the idea
// of Vattani, Chierichetti and Lowenstein, "Optimal Probabilistic Cache Stampede Prevention" (VLDB 2015): what took long
// to fetch is refreshed earlier. Asked on every hit of a route that has it: integers only, and one comparison as a rule.

/// What a fetch costs at the least, in milliseconds: a measured zero is the clock's coarseness.
private let leastCost: Int64 = 5

/// Longer times are cut to this, so that the arithmetic below has room: 24 days.
private let greatestWindow: Int64 = 1 << 31

/// Whether this request is one that refreshes. Its chance grows from none, where the last `percentage` of the lifetime
/// begins (or four times what the fetch took, if that is longer), to certainty where twice what it took is left.
/// - Parameters:
///   - percentage: the route's `early_refresh`; zero turns it off.
///   - random: any of the 2^32 values, each as likely.
package func refreshesEarly(stored: StoredFacts, percentage: UInt8, now: Instant, random: UInt32) -> Bool {
    let left = stored.millisecondsToLive(at: now)
    let life = stored.freshMilliseconds
    // What is stale, or validated before each use, is refreshed by other rules.
    guard percentage > 0, left > 0, left <= life, !stored.flags.contains(.noCache) else { return false }
    let cost = max(leastCost, min(stored.responseTime.milliseconds(since: stored.requestTime), greatestWindow))
    let window = min(
        max(life / 100 * Int64(percentage) + life % 100 * Int64(percentage) / 100, 4 * cost), life, greatestWindow)
    guard left <= window else { return false }
    let certain = 2 * cost
    if left <= certain { return true }
    // random / 2^32 < (window - left) / (window - certain)
    return UInt64(random) * UInt64(window - certain) < UInt64(window - left) << 32
}
