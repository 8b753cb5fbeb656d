// Keys about which somebody wants to know at once when the remote store says that they have changed: whoever waits there for
// another process's fetch. It is only told sooner; it looks by itself all the same.

import Bytes
import Synchronization

/// Any thread. Has as many entries as fills wait.
final class WatchedKeys: Sendable {
    typealias Watcher = @Sendable (CacheKey) -> Void

    private let watchers = Locked<[CacheKey: [Int: Watcher]]>([:])
    /// How many keys are watched, so that telling costs nothing while there are none.
    private let count = Atomic<Int>(0)

    /// - Parameter worker: one watcher for each and key.
    func watch(_ key: CacheKey, worker: Int, _ watcher: @escaping Watcher) {
        watchers.withLock { watchers in
            watchers[key, default: [:]][worker] = watcher
            count.store(watchers.count, ordering: .relaxed)
        }
    }

    func unwatch(_ key: CacheKey, worker: Int) {
        watchers.withLock { watchers in
            watchers[key]?[worker] = nil
            if watchers[key]?.isEmpty == true { watchers[key] = nil }
            count.store(watchers.count, ordering: .relaxed)
        }
    }

    /// The key has changed. Watchers only pass that on: they are called on this thread.
    func tell(_ key: CacheKey) {
        guard count.load(ordering: .relaxed) > 0 else { return }
        let told = watchers.withLock { $0[key].map { Array($0.values) } }
        for watcher in told ?? [] { watcher(key) }
    }

    /// Any key may have changed.
    func tellAll() {
        guard count.load(ordering: .relaxed) > 0 else { return }
        let told = watchers.withLock { watchers in watchers.map { ($0.key, Array($0.value.values)) } }
        for (key, all) in told { for watcher in all { watcher(key) } }
    }
}
