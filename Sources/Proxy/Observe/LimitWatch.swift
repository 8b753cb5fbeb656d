// Limits that an operator hears of when they are reached: those at which clients are refused or something isn't done that
// somebody may miss. Limits on a single request are told with that request.

import Bytes
import Configuration
import EventLoop

/// A limit, and what happens beyond it.
enum NotableLimit: Int, CaseIterable, Sendable {
    case clients, memory, responsesNotStored, maxConnections, resources, refreshes, lookUps, slowStore, storeDown,
        handshakes

    /// - Parameter count: how often it was reached.
    func sentence(_ count: Int, _ limits: Limits) -> String {
        switch self {
        case .clients: "limits.clients reached (\(limits.clients)): \(counted(count, "connection")) refused"
        case .memory:
            "limits.memory reached (\(limits.memory)): \(counted(count, "client that doesn't read was", "clients that don't read were")) disconnected"
        case .responsesNotStored:
            "limits.memory reached (\(limits.memory)): \(counted(count, "response")) not stored"
        case .maxConnections:
            "max_connections of an upstream reached: \(counted(count, "request")) answered with 503"
        case .resources:
            "no file descriptor, port or memory left for upstreams: \(counted(count, "request")) answered with 503"
        case .refreshes: "too many background refreshes in progress: \(counted(count, "one was", "were")) not started"
        case .lookUps: "too many names being resolved: \(counted(count, "lookup")) failed at once"
        case .handshakes:
            "too many TLS handshakes in progress: \(counted(count, "slow one was", "slow ones were")) disconnected"
        case .storeDown: "Redis is down: \(counted(count, "request")) answered with 503, as `on_store_down` says"
        case .slowStore: "Redis replies slowly: \(counted(count, "lookup was", "lookups were")) not begun"
        }
    }
}

/// How often limits were reached that nobody was told of yet. A value: time is an argument.
struct LimitTally {
    private var counts = [Int](repeating: 0, count: NotableLimit.allCases.count)
    private var told = [MonotonicTime?](repeating: nil, count: NotableLimit.allCases.count)

    /// No limit is told of more often.
    static let intervalMilliseconds: Int64 = 10_000

    mutating func add(_ count: Int, _ limit: NotableLimit) { counts[limit.rawValue] += count }

    /// What is to be told now: at once the first time, then in intervals.
    mutating func takeDue(now: MonotonicTime) -> [(limit: NotableLimit, count: Int)] {
        NotableLimit.allCases.compactMap { limit in
            let index = limit.rawValue
            if counts[index] == 0 { return nil }
            if let told = told[index], now.milliseconds(since: told) < Self.intervalMilliseconds { return nil }
            defer { counts[index] = 0 }
            told[index] = now
            return (limit, counts[index])
        }
    }
}

/// Shared by all workers, which add to it; the control thread writes the lines, one for the process.
package final class LimitWatch: Sendable {
    private let tally = Locked(LimitTally())

    func add(_ counts: [(limit: NotableLimit, count: Int)]) {
        tally.withLock { tally in
            for (limit, count) in counts { tally.add(count, limit) }
        }
    }

    /// To be called every second.
    func write(to log: EventLog, _ limits: Limits, now: MonotonicTime) {
        for (limit, count) in tally.withLock({ $0.takeDue(now: now) }) {
            log.write(.warning, limit.sentence(count, limits))
        }
    }
}

/// What a worker has added of its counters. Belongs to its thread.
struct ToldLimits {
    private var told = [Int](repeating: 0, count: NotableLimit.allCases.count)

    /// What has been counted since the last call.
    /// - Parameter counts: since the start.
    mutating func new(_ counts: [(limit: NotableLimit, count: Int)]) -> [(limit: NotableLimit, count: Int)] {
        counts.compactMap { limit, count in
            defer { told[limit.rawValue] = count }
            let more = count - told[limit.rawValue]
            return more > 0 ? (limit, more) : nil
        }
    }
}
