// Purges of this process on their way into the stream that all Larders on one Redis read. Whoever purges puts them here, on any
// thread, and they hold in this process from then on; the one connection that writes the stream takes them, and tells what
// became of each. What can't be sent now is kept, and sent before anything else once it can.

import Bytes
import Synchronization

/// What became of a purge.
package enum PurgeOutcome: Sendable, Equatable {
    /// Every Larder on the Redis has applied it.
    case applied(instances: Int)
    /// It isn't known to hold everywhere. It is kept and sent later, if it isn't in the stream yet.
    case unconfirmed(PurgeTrouble)
}

/// Why a purge isn't known to hold everywhere.
package enum PurgeTrouble: Sendable, Equatable {
    /// The stream can't be written to now.
    case notTaken
    /// Not every Larder has applied it within the time that is allowed.
    case notApplied
    /// The configuration changed meanwhile.
    case closed
}

/// A purge of this process that isn't settled yet. May be used on any thread.
package final class OutgoingPurge: Sendable {
    package let number: UInt64
    package let purge: Purge
    fileprivate let unsettled: UnsettledPurge
    private let done: Locked<(@Sendable (PurgeOutcome) -> Void)?>

    fileprivate init(
        number: UInt64, purge: Purge, unsettled: UnsettledPurge,
        done: (@Sendable (PurgeOutcome) -> Void)? = nil
    ) {
        self.number = number
        self.purge = purge
        self.unsettled = unsettled
        self.done = Locked(done)
    }

    /// Whether somebody still wants to know what becomes of it.
    package var isAwaited: Bool { done.withLock { $0 != nil } }

    /// Tells what became of it, the first time.
    package func finish(_ outcome: PurgeOutcome) {
        let done = done.withLock { done in
            defer { done = nil }
            return done
        }
        done?(outcome)
    }
}

/// Shared by all workers; may be used on any thread.
package final class PurgeOutbox: Sendable {
    private struct State {
        var isOpen = false
        var isConnected = false
        var wake: (@Sendable () -> Void)?
        var waiting: [OutgoingPurge] = []
        var items = 0
        var lastNumber: UInt64 = 0
        var figures = OutboxFigures()
    }

    /// Of more items together that wait, all become one purge of everything.
    package static let limit = 16_384
    /// A purge of more items takes several entries of the stream.
    static let entryLimit = 1000

    private let limit: Int
    private let state = Locked(State())
    private let log: PurgeLog
    private let openFlag = Atomic<Bool>(false)

    package init(_ log: PurgeLog, limit: Int = PurgeOutbox.limit) {
        self.log = log
        self.limit = limit
    }

    /// Whether purges go into a stream; if not, they are this process's alone. One relaxed load.
    package var isOpen: Bool { openFlag.load(ordering: .relaxed) }

    // MARK: Whoever purges

    /// Applies a purge here, and sends it to everybody else.
    /// - Parameter done: called once with what became of it, on any thread; nil if nobody wants to know.
    package func send(_ purge: Purge, done: (@Sendable (PurgeOutcome) -> Void)? = nil) {
        let parts = purge.parts(items: Self.entryLimit)
        let unsettled = parts.map { log.begin($0) }
        let (wake, isOpen) = state.withLock { state in
            guard state.isOpen else { return (nil, false) as ((@Sendable () -> Void)?, Bool) }
            for (index, part) in parts.enumerated() {
                let isLast = index == parts.count - 1
                state.lastNumber += 1
                append(
                    OutgoingPurge(
                        number: state.lastNumber, purge: part, unsettled: unsettled[index],
                        done: isLast ? done : nil), to: &state)
            }
            return (state.wake, true)
        }
        wake?()
        guard !isOpen else { return }
        for (part, unsettled) in zip(parts, unsettled) { keepHere(part, unsettled) }
        done?(.unconfirmed(.closed))
    }

    private func append(_ outgoing: OutgoingPurge, to state: inout State) {
        state.waiting.append(outgoing)
        state.items += outgoing.purge.items.count
        if !state.isConnected { state.figures.kept += 1 }
        guard state.items > limit else { return }
        // Those whose outcome is awaited stay; the others become one.
        let (awaited, others) = (state.waiting.filter(\.isAwaited), state.waiting.filter { !$0.isAwaited })
        guard others.count > 1 else { return }
        let everything = OutgoingPurge(
            number: others[0].number, purge: .everything, unsettled: log.begin(.everything))
        // They are covered.
        for one in others { log.withdraw(one.unsettled) }
        state.waiting = [everything] + awaited
        state.items = state.waiting.reduce(0) { $0 + $1.purge.items.count }
        state.figures.folded += 1
    }

    // MARK: The connection

    /// From now on purges go into a stream.
    /// - Parameter wake: called on any thread when there is something to take.
    package func open(wake: @escaping @Sendable () -> Void) {
        let hasWork = state.withLock { state in
            state.isOpen = true
            state.wake = wake
            return !state.waiting.isEmpty
        }
        openFlag.store(true, ordering: .relaxed)
        if hasWork { wake() }
    }

    /// No stream is written any more: what waits holds in this process alone.
    package func close() {
        openFlag.store(false, ordering: .relaxed)
        let waiting = state.withLock { state in
            let waiting = state.waiting
            state.waiting = []
            state.items = 0
            state.isOpen = false
            state.isConnected = false
            state.wake = nil
            return waiting
        }
        for one in waiting {
            keepHere(one.purge, one.unsettled)
            one.finish(.unconfirmed(.closed))
        }
    }

    /// It is later than whatever was fetched until now, and no other process learns of it.
    private func keepHere(_ purge: Purge, _ unsettled: UnsettledPurge) {
        log.settle(unsettled, at: log.noteOwn(purge, at: WallTime(milliseconds: 0)))
    }

    /// Whether what is sent now can be expected to be in the stream soon.
    package func note(isConnected: Bool) {
        state.withLock { state in
            state.isConnected = isConnected
            if !isConnected { state.figures.kept += state.waiting.count }
        }
    }

    /// Takes the oldest ones. Whoever takes one settles it, or puts it back.
    /// - Parameter most: of items; a purge with more is taken alone.
    package func take(items most: Int) -> [OutgoingPurge] {
        state.withLock { state in
            var count = 0
            var items = 0
            while count < state.waiting.count {
                let next = state.waiting[count].purge.items.count
                if count > 0 && items + next > most { break }
                items += next
                count += 1
            }
            defer { state.waiting.removeFirst(count) }
            state.items -= items
            return Array(state.waiting.prefix(count))
        }
    }

    /// Those that wait, and whose outcome somebody wants to know.
    package var awaited: [OutgoingPurge] { state.withLock { $0.waiting.filter(\.isAwaited) } }

    /// These couldn't be sent: they are the next ones again.
    package func putBack(_ purges: [OutgoingPurge]) {
        guard !purges.isEmpty else { return }
        let isOpen = state.withLock { state in
            guard state.isOpen else { return false }
            state.waiting.insert(contentsOf: purges, at: 0)
            state.items += purges.reduce(0) { $0 + $1.purge.items.count }
            return true
        }
        guard !isOpen else { return }
        for one in purges {
            keepHere(one.purge, one.unsettled)
            one.finish(.unconfirmed(.closed))
        }
    }

    /// The stream has it at that position.
    package func settle(_ outgoing: OutgoingPurge, at position: PurgePosition) {
        log.settle(outgoing.unsettled, at: position)
    }

    package var figures: OutboxFigures {
        state.withLock { state in
            var figures = state.figures
            figures.waiting = state.waiting.count
            figures.isConnected = state.isConnected
            return figures
        }
    }
}

package struct OutboxFigures: Sendable, BitwiseCopyable, Equatable {
    /// Purges that wait to be taken.
    package var waiting = 0
    /// Purges that had to wait since the stream couldn't be written to; only grows.
    package var kept = 0
    /// How often too many waited, so that they became one of everything; only grows.
    package var folded = 0
    /// Whether purges from elsewhere are heard of, and those of this process sent.
    package var isConnected = false

    package init() {}
}

extension Purge {
    /// The same purge as several, of so many items at most.
    fileprivate func parts(items most: Int) -> [Purge] {
        if items.count <= most { return [self] }
        return stride(from: 0, to: items.count, by: most).map {
            Purge(Array(items[$0..<min($0 + most, items.count)]), isSoft: isSoft)
        }
    }
}
