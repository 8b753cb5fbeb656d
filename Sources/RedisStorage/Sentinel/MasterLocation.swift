// Where the master is that sentinels name, for the whole process: one search writes it, the stores of all workers read it and
// are told of changes.

import Bytes
import CacheStorage
import EventLoop

/// A master, and its number: each change of the address has the next one.
package struct NumberedMaster: Sendable, Hashable {
    package var address: MasterAddress
    package var number: UInt64
}

/// Shared by all threads.
package final class MasterLocation: Sendable {
    /// What the search is asked to do.
    enum Wish: Sendable {
        case lookAgain
        /// What the sentinel said that was asked last can't be used.
        case askAnother
    }

    private struct State {
        var master: NumberedMaster?
        var figures = MasterFigures()
        var listeners: [ObjectIdentifier: Mailbox<NumberedMaster>] = [:]
        /// Stores that don't reach the master.
        var cutOff: Set<ObjectIdentifier> = []
        /// A wish that the search hasn't read yet.
        var hasWish = false
    }

    private let state = Locked(State())
    /// Read by the search. At most one wish at a time is in it.
    let wishes = Mailbox<Wish>()

    package init(name: String) { state.withLock { $0.figures.name = name } }

    package var master: NumberedMaster? { state.withLock { $0.master } }
    package var figures: MasterFigures { state.withLock { $0.figures } }

    // MARK: Stores

    /// From now on `mailbox` is told of every change. The master may have been named already.
    func listen(_ mailbox: Mailbox<NumberedMaster>) -> NumberedMaster? {
        state.withLock { state in
            state.listeners[ObjectIdentifier(mailbox)] = mailbox
            return state.master
        }
    }

    func stopListening(_ mailbox: Mailbox<NumberedMaster>) {
        state.withLock { state in
            state.listeners[ObjectIdentifier(mailbox)] = nil
            state.cutOff.remove(ObjectIdentifier(mailbox))
        }
    }

    /// Whether the store that listens with `mailbox` reaches the master.
    func note(isReached: Bool, by mailbox: Mailbox<NumberedMaster>) {
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

    /// - Parameter sentinel: which named it.
    func set(_ master: NumberedMaster, namedBy sentinel: MasterAddress) {
        state.withLock { state in
            if state.master != nil { state.figures.changes += 1 }
            state.master = master
            state.figures.master = master.address
            state.figures.sentinel = sentinel
            state.figures.trouble = nil
            for mailbox in state.listeners.values { mailbox.post(master) }
        }
    }

    func noteConfirmation(by sentinel: MasterAddress) {
        state.withLock { state in
            state.figures.sentinel = sentinel
            state.figures.trouble = nil
        }
    }

    func note(_ trouble: MasterSearchTrouble) {
        state.withLock { state in
            state.figures.sentinel = nil
            state.figures.trouble = trouble
        }
    }
}
