// Whether the remote store is up, told once per process: each worker has a connection of its own, and all of them lose it and get
// it back at about the same time.

import Bytes
import CacheStorage
import Configuration
import EventLoop

/// What the workers see of the store, put together. Shared by all threads.
final class StoreWatch: Sendable {
    private enum Level: Comparable {
        case up, limited, partial, down
    }
    private struct State {
        var workers: [Int: StoreState] = [:]
        /// What was told last, and when.
        var told: (level: Level, time: MonotonicTime)?
        /// Lines that are told once.
        var toldLines: Set<String> = []
    }
    private let state = Locked(State())
    private let log: EventLog

    /// Further ones aren't told.
    private static let lineLimit = 32

    init(log: EventLog) { self.log = log }

    /// A worker's connection has brought an error whose meaning isn't known: of the same text one line for the process.
    func note(unknownError text: String, place: String) {
        tellOnce("Redis at \(place) replied with an unknown error: \(text)")
    }

    /// A worker's connection has failed for that reason of TLS's; told once as well.
    func note(handshakeFault reason: String, place: String) { tellOnce("TLS with Redis at \(place) failed: \(reason)") }

    private func tellOnce(_ line: String) {
        let isNew = state.withLock { state in
            state.toldLines.count < Self.lineLimit && state.toldLines.insert(line).inserted
        }
        if isNew { log.write(.warning, line) }
    }

    /// A worker's connection has changed: it is down as soon as one says so, and up once none says otherwise.
    /// - Parameter place: the address, for the log.
    func note(_ new: StoreState, worker: Int, place: String, now: MonotonicTime) {
        state.withLock { state in
            switch new {
            // The configuration has another store from now on, or none.
            case .down(.closed, _):
                state.workers[worker] = nil
                if state.workers.isEmpty { state.told = nil }
                return
            case .down(.connecting, _): return
            case .up, .limited, .partial, .down: state.workers[worker] = new
            }
            guard let (level, trouble) = Self.worst(of: state.workers.values), level != state.told?.level else {
                return
            }
            let before = state.told
            state.told = (level, now)
            let text: String
            switch (level, trouble) {
            case (.up, _), (_, nil):
                let pause = before.map { " after \(roughDuration(now.milliseconds(since: $0.time)))" } ?? ""
                text = "the store is up\(pause)"
            case (.limited, let trouble?): text = "the store takes no writes: \(trouble.sentence)"
            case (.partial, let trouble?): text = "the store serves some of the keys only: \(trouble.sentence)"
            case (.down, let trouble?): text = "the store is down, its lookups count as misses: \(trouble.sentence)"
            }
            log.write(level == .up ? .notice : .warning, about: "store", "\(text) (Redis at \(place))", now: now)
        }
    }

    private static func worst(of states: some Sequence<StoreState>) -> (Level, StoreTrouble?)? {
        states.map { state -> (Level, StoreTrouble?) in
            switch state {
            case .up: (.up, nil)
            case .limited(let trouble, _): (.limited, trouble)
            case .partial(let trouble, _): (.partial, trouble)
            case .down(let trouble, _): (.down, trouble)
            }
        }.max { $0.0 < $1.0 }
    }
}
