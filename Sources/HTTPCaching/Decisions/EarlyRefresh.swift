// Decides whether a request that is served a fresh stored response also starts a background refresh, so that popular
// responses never go stale. Towards the end of the lifetime a growing share of requests does: a popular response is
// refreshed early in that period, one that is hardly requested simply expires. After the idea of Vattani, Chierichetti
// and Lowenstein, "Optimal Probabilistic Cache Stampede Prevention" (VLDB 2015): what took long to fetch is refreshed
// earlier. It runs on every hit of a route with `early_refresh`: integers only, and usually one comparison.

/// The minimum cost of a fetch, in milliseconds: a measured zero only reflects the clock's resolution.
private let leastCost: Int64 = 5

/// Longer times are clamped to this, 24 days in milliseconds, so that the arithmetic below can't overflow.
private let greatestWindow: Int64 = 1 << 31

/// Whether this request starts a refresh. The probability grows from zero, at the start of the last `percentage` of the
/// lifetime (or of four times the duration of the fetch, if that is longer), to one when twice the duration of the
/// fetch is left.
/// - Parameters:
///   - percentage: the route's `early_refresh`; zero turns it off.
///   - random: uniformly distributed over all 2^32 values.
package func refreshesEarly(stored: StoredFacts, percentage: UInt8, now: Instant, random: UInt32) -> Bool {
    let left = stored.millisecondsToLive(at: now)
    let life = stored.freshMilliseconds
    // Other rules refresh what is stale or validated before each use.
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
