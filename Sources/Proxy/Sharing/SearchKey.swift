// The key of a request whose path has a rule of No-Vary-Search, and what a response's own rule makes of it.

import Bytes
import CacheStorage
import HTTPCaching
import HTTPWire
import Routing

extension Transaction {
    /// Composes the plain key's text, by the rule that the request goes by.
    func composePlainText() {
        guard let entry, let match else { preconditionFailure("a request has its route before its key") }
        let worker = self.worker
        let body = bodyDigest(entry.recipe)
        worker.composer.compose(head, in: bytes, scheme: scheme, match: match, by: entry.recipe, body: body)
        search?.apply(to: &worker.composer)
    }

    /// Rules are for the queries of GET, by which HEAD is answered too.
    private var isSearch: Bool { head.method == .get || head.method == .head }

    /// Looks for the path's rule, with the plain text just composed.
    func findSearchRule() {
        let worker = self.worker
        guard isSearch, let recipe = entry?.recipe else { return }
        search = worker.shared.searchRules.rule(for: worker.composer, by: recipe)
        search?.apply(to: &worker.composer)
    }

    /// Whether what was found may be used by the rule that it was found by.
    func isUsable(_ found: StoredResponse) -> Bool {
        guard let search else { return true }
        return found.facts.requestTime >= search.knownSince
    }

    /// What is stored for this very query although its path has a rule: a failure, say, that came without one. The request
    /// goes on by its plain key then. Memory alone is asked a second time; Redis would cost every miss a round trip.
    func exactMatch(now: WallTime) -> StoredResponse? {
        guard marker == nil else { return nil }
        let worker = self.worker
        let rule = search
        search = nil
        composePlainText()
        let digest = worker.composer.digest
        let ruled = key
        key = CacheKey(high: digest.high, low: digest.low)
        if let found = lookInMemory(for: worker.composer.text, now) {
            takePlainKey()
            return found
        }
        key = ruled
        search = rule
        composePlainText()
        return nil
    }

    /// A response that may be stored says by its own rule, or by having none, which key it belongs to. Its path's rule is
    /// noted before the key changes, so that whatever invalidates from then on tells both keys.
    func settleSearchRule(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        let rules = worker.shared.searchRules
        guard search != nil || response.contains(.noVarySearch), isSearch, entry?.recipe.holdsQuery == true else {
            return
        }
        // What it was asked for under is invalidated already: it isn't stored, under this key or another.
        if worker.cache.overtook(plainKey, since: fetchStarted) { return }
        let declared = Self.searchRule(response, bytes)
        let known = search
        search = nil
        composePlainText()
        guard let path = SearchRules.path(of: worker.composer) else { return }
        if let declared {
            search = rules.note(declared, of: path, requestTime: fetchBegan, now: worker.instant)
        } else if let known, response.status == 200 {
            rules.remove(known, of: path, now: worker.instant)
        }
        search?.apply(to: &worker.composer)
        takePlainKey()
    }

    /// Whether a response says the same of its queries as what is stored under the present key.
    func keepsSearchRule(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) -> Bool {
        guard response.contains(.noVarySearch) else { return true }
        var text: [UInt8] = []
        if let rule = Self.searchRule(response, bytes) { rule.append(to: &text) }
        return text == search?.text ?? []
    }

    /// Another request's answer has a key that isn't this one's: its path may have got a rule since this one was keyed.
    func followSearchRule() {
        guard search != nil || !worker.shared.searchRules.isEmpty, marker == nil else { return }
        search = nil
        composePlainText()
        findSearchRule()
        takePlainKey()
    }

    /// The composer's text becomes the plain key.
    private func takePlainKey() {
        let worker = self.worker
        let digest = worker.composer.digest
        let now = CacheKey(high: digest.high, low: digest.low)
        guard now != plainKey else { return }
        plainKey = now
        key = now
        marker = nil
        plainTextCount = worker.composer.text.count
        keepKeyText()
    }

    /// What a response says of its queries; nil where nothing, or nothing that can be read.
    private static func searchRule(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) -> NoVarySearch? {
        guard response.contains(.noVarySearch) else { return nil }
        var value: [UInt8] = []
        for field in response.fields where field.known == .noVarySearch {
            if !value.isEmpty { value.append(UInt8(ascii: ",")) }
            value.append(bytes.extracting(field.value))
        }
        let rule = NoVarySearch(field: value.span)
        return rule.isDefault ? nil : rule
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
