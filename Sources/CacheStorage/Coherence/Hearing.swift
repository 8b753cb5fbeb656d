// What this process hears of changes in a store that others use too, and how far copies in memory may rely on it.
//
// While the store tells of changes, a session lasts. A copy belongs to the session in which it was asked for, and is used
// while that session lasts and the newest sign of life is recent: a sign of life that was asked for at some time proves that
// everything before it was heard. A new session makes all copies of earlier ones absent at once, for nobody knows what was
// missed between the two.

import Synchronization

/// When something was asked of the store: in which session, and how much had been heard until then.
package struct HearingMark: Sendable, BitwiseCopyable, Equatable {
    /// 0 outside a session.
    package let session: UInt32
    /// The number of the last message.
    package let message: UInt64

    /// What was asked for outside a session, so that no copy of it is kept.
    package static let deaf = HearingMark(session: 0, message: 0)
}

/// How changes in the remote store are heard of.
package enum HearingMode: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    /// They aren't: copies in memory have a short life instead.
    case none
    /// The store is to tell of them, but no session has begun, or the last one has ended.
    case connecting
    /// A session lasts.
    case hearing
    /// The store refuses to tell: copies have a short life instead.
    case refused
}

/// Any thread asks; one, that of the connections which tell of changes and purges, tells.
package final class Hearing: Sendable {
    /// Of no copy: for look-ups while none may be used.
    static let noSession = UInt32.max
    /// Of copies with a short life, which any look-up may use that knows what others have purged.
    static let shortLife = UInt32.max - 1
    /// Of no copy, one with a short life included: for look-ups while purges of others aren't known.
    static let noCopy = UInt32.max - 2

    private let modeValue = Atomic<UInt8>(HearingMode.none.rawValue)
    /// The session that lasts, or else 0.
    private let session = Atomic<UInt32>(0)
    private let lastSession = Atomic<UInt32>(0)
    /// The server that the session is about, as ``RemoteStore/server`` has it.
    private let serverNumber = Atomic<UInt64>(0)
    /// When the newest sign of life was asked for, in milliseconds of the process's own clock: the earlier one of that of
    /// changes and that of purges.
    private let heardAt = Atomic<Int64>(.min / 2)
    private let changesHeardAt = Atomic<Int64>(.min / 2)
    /// The same of purges alone; the greatest number where no other process purges.
    private let purgesHeardAt = Atomic<Int64>(.max)
    private let grace = Atomic<Int64>(0)
    private let purgeGrace = Atomic<Int64>(0)
    private let messages = Atomic<UInt64>(0)
    private let names = Atomic<UInt64>(0)

    package init() {}

    package var mode: HearingMode { HearingMode(rawValue: modeValue.load(ordering: .relaxed)) ?? .none }

    /// Whether copies belong to sessions, rather than having a short life.
    var bindsCopies: Bool {
        switch mode {
        case .connecting, .hearing: true
        case .none, .refused: false
        }
    }

    /// The session whose copies may be used at that time. Two loads and a comparison.
    func session(at now: WallTime) -> UInt32 {
        #if LARDER_BREAKABLE_RULES
            if BreakableRule.lease.isBroken, session.load(ordering: .relaxed) != 0 {
                return session.load(ordering: .relaxed)
            }
        #endif
        // In this order: a sign of life of a new session must never make a copy of an earlier one usable again.
        guard now.milliseconds &- heardAt.load(ordering: .acquiring) <= grace.load(ordering: .relaxed) else {
            return knowsPurges(at: now) ? Self.noSession : Self.noCopy
        }
        let current = session.load(ordering: .acquiring)
        return current == 0 ? Self.noSession : current
    }

    /// To be taken before something is asked of the store.
    package var mark: HearingMark {
        // In this order: a message that comes in between counts as later.
        let message = messages.load(ordering: .acquiring)
        return HearingMark(session: session.load(ordering: .acquiring), message: message)
    }

    /// Whose changes are heard of. Asked after ``mark``: a session about another server has then been noticed.
    var server: UInt64 { serverNumber.load(ordering: .acquiring) }

    /// Whether what was asked for at `mark` may be kept, as far as the session is concerned.
    func lasts(_ mark: HearingMark) -> Bool {
        mark.session != 0 && session.load(ordering: .acquiring) == mark.session
    }

    /// Until when copies may be used if no further sign of life comes.
    var copiesEnd: WallTime {
        WallTime(milliseconds: heardAt.load(ordering: .acquiring) &+ grace.load(ordering: .relaxed))
    }

    var graceMilliseconds: Int64 { grace.load(ordering: .relaxed) }

    // MARK: The tracker

    /// How changes are heard of from now on. Any session ends.
    /// - Parameter grace: how old the newest sign of life may be while copies are used, in milliseconds.
    package func set(_ mode: HearingMode, grace: Int64) {
        session.store(0, ordering: .releasing)
        self.grace.store(grace, ordering: .relaxed)
        modeValue.store(mode.rawValue, ordering: .relaxed)
    }

    /// Everything is heard of from now on.
    /// - Parameters:
    ///   - asked: when the sign of life that shows it was asked for.
    ///   - server: whose changes these are.
    package func beginSession(asked: WallTime, server: UInt64 = 0) {
        serverNumber.store(server, ordering: .relaxed)
        // In this order, as in ``session(at:)``.
        #if LARDER_BREAKABLE_RULES
            if session.load(ordering: .relaxed) == 0 || !BreakableRule.newSession.isBroken { nextSession() }
        #else
            nextSession()
        #endif
        changesHeardAt.store(asked.milliseconds, ordering: .relaxed)
        noteEarlier()
        modeValue.store(HearingMode.hearing.rawValue, ordering: .relaxed)
    }

    /// Anything may have changed: another session takes the place of the one that lasts, if one does.
    package func renewSession() {
        if session.load(ordering: .relaxed) != 0 { nextSession() }
    }

    private func nextSession() {
        var next = lastSession.load(ordering: .relaxed) &+ 1
        if next == 0 || next >= Self.noCopy { next = 1 }
        lastSession.store(next, ordering: .relaxed)
        session.store(next, ordering: .releasing)
    }

    /// A sign of life has come, which was asked for at that time.
    package func noteLife(asked: WallTime) {
        if asked.milliseconds > changesHeardAt.load(ordering: .relaxed) {
            changesHeardAt.store(asked.milliseconds, ordering: .relaxed)
            noteEarlier()
        }
    }

    private func noteEarlier() {
        let earlier = min(changesHeardAt.load(ordering: .relaxed), purgesHeardAt.load(ordering: .relaxed))
        heardAt.store(earlier, ordering: .releasing)
    }

    /// The connection is lost. Copies are still used until the newest sign of life is too old: the store could not have told
    /// of anything that was asked for before.
    package func lose() { modeValue.store(HearingMode.connecting.rawValue, ordering: .relaxed) }

    /// A message has come.
    /// - Returns: its number.
    package func noteMessage(names count: Int) -> UInt64 {
        names.wrappingAdd(UInt64(count), ordering: .relaxed)
        return messages.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue
    }

    // MARK: Purges

    /// Whether every purge of other processes is known here, as far as anybody may rely on it.
    package func knowsPurges(at now: WallTime) -> Bool {
        let heard = purgesHeardAt.load(ordering: .acquiring)
        return heard == .max || now.milliseconds &- heard <= purgeGrace.load(ordering: .relaxed)
    }

    /// Other processes purge as well from now on, and nothing is known of it yet.
    /// - Parameter grace: how old the newest sign of life may be, in milliseconds.
    package func beginPurges(grace: Int64) {
        purgeGrace.store(grace, ordering: .relaxed)
        purgesHeardAt.store(.min / 2, ordering: .releasing)
        noteEarlier()
    }

    /// Every purge before that time is applied.
    package func notePurges(asked: WallTime) {
        if asked.milliseconds > purgesHeardAt.load(ordering: .relaxed) {
            purgesHeardAt.store(asked.milliseconds, ordering: .releasing)
            noteEarlier()
        }
    }

    /// No other process purges.
    package func endPurges() {
        purgesHeardAt.store(.max, ordering: .releasing)
        noteEarlier()
    }

    package var figures: HearingFigures {
        HearingFigures(
            mode: mode, sessions: Int(lastSession.load(ordering: .relaxed)),
            messages: Int(messages.load(ordering: .relaxed)), names: Int(names.load(ordering: .relaxed)))
    }
}

package struct HearingFigures: Sendable, BitwiseCopyable {
    package var mode = HearingMode.none
    /// How many sessions have begun.
    package var sessions = 0
    package var messages = 0
    /// Keys that were named.
    package var names = 0
}
