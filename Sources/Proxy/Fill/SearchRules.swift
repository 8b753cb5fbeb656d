// Which differences between queries a path's responses have said don't matter (No-Vary-Search), so that a request is
// looked up by what does matter. A path's rule is what its last response said; every process learns it by itself.
//
// A wrong rule makes misses, never a wrong answer. A response that carries a rule is stored under a key text that holds
// the rule itself and the query in that rule's normal form, so whoever finds it has looked by the very rule that the
// response declares, with a query that this rule takes for the same. A rule that has changed, was forgotten or is another
// path's (of two paths with one digest) looks in places where nothing was put.
//
// What was stored while this process didn't know the rule may have been invalidated by requests that it handled in the
// meantime, and that couldn't tell the place. So a rule has a time since which it is known here, and responses that were
// asked for before aren't reused by it (RFC 9111 §4.4).

import Bytes
import CacheStorage
import EventLoop
import HTTPCaching
import Routing
import Synchronization

/// What the last response of a path said of its queries.
final class SearchRule: Sendable {
    let rule: NoVarySearch
    /// The rule as text: the same for the same rules.
    let text: [UInt8]
    /// What was asked for earlier isn't to be found by it.
    let knownSince: Instant

    init(_ rule: NoVarySearch, text: [UInt8], knownSince: Instant) {
        self.rule = rule
        self.text = text
        self.knownSince = knownSince
    }
}

/// Shared by all workers of a process. While no response has ever carried a rule it costs a request one load.
final class SearchRules: Sendable {
    private struct Entry: Sendable {
        var rule: SearchRule
        /// When it was noted last, as a number of notes.
        var noted: UInt64
    }

    private struct State: Sendable {
        var entries: [CacheKey: Entry] = [:]
        var notes: UInt64 = 0
        /// When a rule was forgotten or replaced last.
        var forgotten = Instant.distantPast
    }

    private let state = Locked(State())
    private let count = Atomic<Int>(0)
    private let limit: Int

    /// - Parameter limit: paths with rules; beyond it the quarter goes that was noted least recently.
    init(limit: Int = 4096) { self.limit = limit }

    var isEmpty: Bool { count.load(ordering: .relaxed) == 0 }

    /// The rule of a path.
    func rule(of path: CacheKey) -> SearchRule? { state.withLock { $0.entries[path]?.rule } }

    /// A response of the path carries a rule.
    /// - Parameter requestTime: when that response was asked for.
    func note(_ rule: NoVarySearch, of path: CacheKey, requestTime: Instant, now: Instant) -> SearchRule {
        var text: [UInt8] = []
        rule.append(to: &text)
        return state.withLock { state in
            state.notes += 1
            // A clock that was set back would leave the rule unused until it has caught up.
            if let known = state.entries[path]?.rule, known.text == text, known.knownSince <= now {
                state.entries[path]?.noted = state.notes
                return known
            }
            let since = max(requestTime, min(state.forgotten, now))
            if state.entries[path] != nil {
                state.forgotten = now
            } else if state.entries.count >= limit {
                forgetOldest(&state, now: now)
            }
            let made = SearchRule(rule, text: text, knownSince: since)
            state.entries[path] = Entry(rule: made, noted: state.notes)
            count.store(state.entries.count, ordering: .relaxed)
            return made
        }
    }

    /// A response of the path that was looked up by this rule carries none.
    func remove(_ rule: SearchRule, of path: CacheKey, now: Instant) {
        state.withLock { state in
            guard state.entries[path]?.rule === rule else { return }
            state.entries[path] = nil
            state.forgotten = now
            count.store(state.entries.count, ordering: .relaxed)
        }
    }

    private func forgetOldest(_ state: inout State, now: Instant) {
        let notes = state.entries.values.map(\.noted).sorted()
        let bound = notes[notes.count / 4]
        state.entries = state.entries.filter { $0.value.noted > bound }
        state.forgotten = now
    }
}

extension SearchRules {
    /// The path, with scheme and authority, of the text that the composer made last; nil where the query isn't a part of
    /// that text which a rule can take the place of.
    static func path(of composer: borrowing KeyComposer) -> CacheKey? {
        guard let end = composer.pathEnd else { return nil }
        let digest = composer.withText { MD5Hasher.digest(of: $0.extracting(..<end)) }
        return CacheKey(digest)
    }

    /// The rule by which a GET is looked up whose key text the composer made last.
    func rule(for composer: borrowing KeyComposer, by recipe: KeyRecipe) -> SearchRule? {
        guard !isEmpty, recipe.holdsQuery, let path = Self.path(of: composer) else { return nil }
        return rule(of: path)
    }
}

extension SearchRule {
    /// Makes of a GET's plain key text the one for its query by this rule.
    func apply(to composer: inout KeyComposer) {
        guard let end = composer.pathEnd else { return }
        var query: [UInt8] = []
        composer.withText { text in
            if end < text.count { rule.normalise(text.extracting((end + 1)...), into: &query) }
        }
        let text = self.text
        composer.replaceQuery(rule: text.span, query: query.span)
    }
}

extension SearchRules {
    /// The key of the text that the composer made last, and the one by its path's rule where there is one.
    func keys(of composer: inout KeyComposer, by recipe: KeyRecipe) -> [CacheKey] {
        let plain = CacheKey(high: composer.digest.high, low: composer.digest.low)
        guard let rule = rule(for: composer, by: recipe) else { return [plain] }
        rule.apply(to: &composer)
        return [plain, CacheKey(high: composer.digest.high, low: composer.digest.low)]
    }
}
