// Removals that a master has carried out lately. What it hadn't passed on to its replicas is lost when one of them takes its
// place, and so is what it was told after that; then all of these are repeated. To remove a record that is newer costs one
// request to the upstream, to leave an old one would serve it until it expires.

/// A value: time is an argument, in milliseconds on the monotonic clock.
struct RecentRemovals {
    private struct Entry {
        let key: CacheKey
        let time: Int64
    }

    /// Oldest first; those before `first` are forgotten.
    private var entries: [Entry] = []
    private var first = 0

    /// A replica that is up to date enough to be chosen lacks less than that, and a failover takes less.
    static let lifetime: Int64 = 60_000
    /// Beyond it the oldest are forgotten. Takes some 3 MiB.
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    var count: Int { entries.count - first }

    mutating func note(_ keys: [CacheKey], now: Int64) {
        for key in keys { entries.append(Entry(key: key, time: now)) }
        forget(now: now)
    }

    /// Those that aren't forgotten yet, of all keys or of some; none of them are left.
    mutating func takeAll(now: Int64, where isConcerned: ((CacheKey) -> Bool)? = nil) -> [CacheKey] {
        forget(now: now)
        let all = entries[first...]
        let concerned = isConcerned.map { isConcerned in all.filter { isConcerned($0.key) } } ?? Array(all)
        entries = isConcerned.map { isConcerned in all.filter { !isConcerned($0.key) } } ?? []
        first = 0
        return concerned.map(\.key)
    }

    private mutating func forget(now: Int64) {
        while first < entries.count, count > limit || now - entries[first].time > Self.lifetime { first += 1 }
        guard first > entries.count / 2 else { return }
        entries.removeFirst(first)
        first = 0
    }
}
