// Where servers are that somebody else knows of, for the whole process: one search asks and writes it, the stores of all workers
// read it, are told of changes, and say when they reach nobody there.

import Bytes
import EventLoop

/// Shared by all threads.
package final class Whereabouts<Found: Sendable, Figures: Sendable, Wish: Sendable>: Sendable {
    private struct State {
        var found: Found?
        var figures: Figures
        var listeners: [ObjectIdentifier: Mailbox<Found>] = [:]
        /// Stores that don't reach what was found.
        var cutOff: Set<ObjectIdentifier> = []
        /// A wish that the search hasn't read yet.
        var hasWish = false
    }

    private let state: Locked<State>
    /// What the search is asked to do, for it to read. At most one wish at a time is in it.
    let wishes = Mailbox<Wish>()

    init(_ figures: Figures) { state = Locked(State(figures: figures)) }

    var found: Found? { state.withLock { $0.found } }
    package var figures: Figures { state.withLock { $0.figures } }

    // MARK: Stores

    /// From now on `mailbox` is told of every change. Something may have been found already.
    func listen(_ mailbox: Mailbox<Found>) -> Found? {
        state.withLock { state in
            state.listeners[ObjectIdentifier(mailbox)] = mailbox
            return state.found
        }
    }

    func stopListening(_ mailbox: Mailbox<Found>) {
        state.withLock { state in
            state.listeners[ObjectIdentifier(mailbox)] = nil
            state.cutOff.remove(ObjectIdentifier(mailbox))
        }
    }

    /// Whether the store that listens with `mailbox` reaches what was found, all of it.
    func note(isReached: Bool, by mailbox: Mailbox<Found>) {
        state.withLock { state in
            if isReached {
                state.cutOff.remove(ObjectIdentifier(mailbox))
            } else {
                state.cutOff.insert(ObjectIdentifier(mailbox))
            }
        }
    }

    func post(_ wish: Wish) {
        let isFirst = state.withLock { state in
            defer { state.hasWish = true }
            return !state.hasWish
        }
        if isFirst { wishes.post(wish) }
    }

    // MARK: The search

    func takeWish() { state.withLock { $0.hasWish = false } }

    var isMissed: Bool { state.withLock { !$0.cutOff.isEmpty } }

    /// Everybody who listens is told.
    /// - Parameter note: changes the figures; whether something had been found before is its argument.
    func set(_ found: Found, _ note: (inout Figures, _ isChange: Bool) -> Void) {
        state.withLock { state in
            note(&state.figures, state.found != nil)
            state.found = found
            for mailbox in state.listeners.values { mailbox.post(found) }
        }
    }

    func change(_ note: (inout Figures) -> Void) { state.withLock { note(&$0.figures) } }
}
