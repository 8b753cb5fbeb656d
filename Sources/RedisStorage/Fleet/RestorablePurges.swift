// The purges that this process has applied lately, to be put back into the stream when Redis has lost some of them: it was
// restarted from an older state, or a replica that lacked them has taken its place.

import CacheStorage

struct RestorablePurges {
    /// So many entries are kept, and items of all of them together.
    static let entryLimit = 1024
    static let itemLimit = 32_768
    /// And so many bytes of their texts: all of them may have to be sent at once.
    static let byteLimit = 2 << 20

    private var entries: [StreamEntry] = []
    private var items = 0
    private var bytes = 0
    /// Up to here some were dropped to make room, or never known here.
    private var covers: PurgePosition

    /// - Parameter start: what is known are those after it.
    init(after start: PurgePosition = .start) { covers = start }

    /// Those before a position may not all be known.
    mutating func forget(before position: PurgePosition) { covers = max(covers, position) }

    /// An entry that was just applied; they come in order.
    mutating func append(_ entry: StreamEntry) {
        entries.append(entry)
        items += entry.purge.items.count
        bytes += entry.byteCount
        while entries.count > Self.entryLimit || (items > Self.itemLimit || bytes > Self.byteLimit) && entries.count > 1
        {
            let oldest = entries.removeFirst()
            items -= oldest.purge.items.count
            bytes -= oldest.byteCount
            covers = oldest.position
        }
    }

    /// Whether the entry at that position is among them.
    func has(_ position: PurgePosition) -> Bool { entries.contains { $0.position == position } }

    /// What has to be put back into a stream whose last entry is at that position. If some of it isn't known any more, a purge of
    /// everything comes first.
    func after(_ position: PurgePosition) -> [StreamEntry] {
        let lost = entries.filter { $0.position > position }
        guard position < covers, let first = lost.first else { return lost }
        return [StreamEntry(position: first.position, purge: .everything)] + lost.dropFirst()
    }
}

extension StreamEntry {
    fileprivate var byteCount: Int { purge.entry.reduce(0) { $0 + $1.count } }
}
