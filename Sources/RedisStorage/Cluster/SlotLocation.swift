// Which node has which slots, for the whole process: one search writes it, the stores of all workers read it and are told of
// changes.

import Bytes
import CacheStorage
import EventLoop

/// Shared by all threads.
package final class SlotLocation: Sendable {
    /// What the search is asked to do.
    enum Wish: Sendable, Equatable {
        /// Ask this node, which knows something new.
        case ask(MasterAddress)
        /// What the node said that was asked last is of no use.
        case askAnother
    }

    private struct State {
        var map: SlotMap?
        var figures = ClusterFigures()
        var listeners: [ObjectIdentifier: Mailbox<SlotMap>] = [:]
        /// Stores that don't reach all masters.
        var cutOff: Set<ObjectIdentifier> = []
        /// A wish that the search hasn't read yet.
        var hasWish = false
    }

    private let state = Locked(State())
    /// Read by the search. At most one wish at a time is in it.
    let wishes = Mailbox<Wish>()

    package init() {}

    var map: SlotMap? { state.withLock { $0.map } }
    package var figures: ClusterFigures { state.withLock { $0.figures } }

    // MARK: Stores

    /// From now on `mailbox` is told of every change. There may be a map already.
    func listen(_ mailbox: Mailbox<SlotMap>) -> SlotMap? {
        state.withLock { state in
            state.listeners[ObjectIdentifier(mailbox)] = mailbox
            return state.map
        }
    }

    func stopListening(_ mailbox: Mailbox<SlotMap>) {
        state.withLock { state in
            state.listeners[ObjectIdentifier(mailbox)] = nil
            state.cutOff.remove(ObjectIdentifier(mailbox))
        }
    }

    /// Whether the store that listens with `mailbox` reaches every master.
    func note(isReached: Bool, by mailbox: Mailbox<SlotMap>) {
        state.withLock { state in
            if isReached {
                state.cutOff.remove(ObjectIdentifier(mailbox))
            } else {
                state.cutOff.insert(ObjectIdentifier(mailbox))
            }
        }
    }

    func noteRedirection() { state.withLock { $0.figures.redirections += 1 } }

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

    /// - Parameter node: which said so.
    func set(_ map: SlotMap, from node: MasterAddress) {
        state.withLock { state in
            if state.map != nil { state.figures.changes += 1 }
            state.map = map
            state.figures.masters = map.masters.count
            state.figures.slots = map.coveredCount
            state.figures.node = node
            state.figures.trouble = nil
            for mailbox in state.listeners.values { mailbox.post(map) }
        }
    }

    func noteConfirmation(by node: MasterAddress) {
        state.withLock { state in
            state.figures.node = node
            state.figures.trouble = nil
        }
    }

    func note(_ trouble: ClusterTrouble) {
        state.withLock { state in
            state.figures.node = nil
            state.figures.trouble = trouble
        }
    }
}
