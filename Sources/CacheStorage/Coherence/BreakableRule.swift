// Rules on which the coherence of several processes rests, and which a build for tests can do without, one at a time: what
// finds faults in the histories of a fleet must find the absence of each. No other build has any of this.
//
//     swift build --product larder --scratch-path .build/breakable -Xswiftc -DLARDER_BREAKABLE_RULES
//     Tests/Fleet/run --larder .build/breakable/debug/larder --without lease

#if LARDER_BREAKABLE_RULES
    import Synchronization

    package enum BreakableRule: String, CaseIterable {
        /// Copies in memory are used only while the newest sign of life from the remote store is young enough.
        case lease
        /// What the store brings is neither used nor kept if its key was named after the store was asked.
        case named
        /// Nor is what was asked for in an earlier session, or in none.
        case session
        /// A new session begins without copies.
        case newSession = "new-session"
        /// Where the store says that everything has changed, all copies are gone.
        case everything
        /// A response is stored only if what stood at its key when it was fetched still stands there.
        case fence
        /// A placeholder stands at the key while it is fetched.
        case claim
        /// What was fetched without a placeholder isn't stored.
        case alone
        /// Invalidations that the store could not take are sent again.
        case delivery
        /// What was fetched before a purge was known here counts as purged, however late it is stored.
        case position
        /// Whoever isn't in touch with the others reads what was purged ahead of what it looks up.
        case ahead
        /// A purge has succeeded once everybody has applied it.
        case confirmation
        /// And only if Redis has had what it has for so long that nobody relies on what was before.
        case age
        /// Which begins anew with each run of Redis.
        case epoch

        private static let broken = Atomic<Int>(-1)

        /// Does without the rule of that name, from now on.
        /// - Returns: whether there is one.
        package static func breakRule(_ name: String) -> Bool {
            guard let index = allCases.firstIndex(where: { $0.rawValue == name }) else { return false }
            broken.store(index, ordering: .relaxed)
            return true
        }

        package var isBroken: Bool {
            let index = Self.broken.load(ordering: .relaxed)
            return index >= 0 && Self.allCases[index] == self
        }
    }
#endif
