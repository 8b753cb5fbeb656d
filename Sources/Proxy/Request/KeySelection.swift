// Which key a request is looked up by, and its response stored under: the plain one of its target, the one by its path's
// rule of No-Vary-Search, or that of the variant which its fields select (RFC 9111 §4.1).

import Bytes
import CacheStorage
import HTTPCaching
import HTTPSemantics
import HTTPWire
import Routing

/// The keys of one request at a moment.
struct SelectedKeys {
    let key: CacheKey
    let plainKey: CacheKey
    /// The plain key goes by its path's rule of No-Vary-Search.
    let hasRule: Bool
}

/// The key of one request, or of one fill. The text stays in the worker's composer as long as a HIT needs it, and is copied
/// here once it has to be kept.
struct KeySelection {
    private(set) var key = CacheKey(high: 0, low: 0)
    private(set) var plainKey = CacheKey(high: 0, low: 0)
    /// The key's text, where ``isTextKept``.
    private(set) var text: [UInt8] = []
    private(set) var isTextKept = false
    /// A variant's text begins with the plain one, which has so many bytes.
    private(set) var plainCount = 0
    /// The rule by which the query is a part of the key, where the path has one.
    private(set) var search: SearchRule?
    /// What names the fields that select a variant, where the resource varies.
    private(set) var varyIndex: StoredResponse?
    /// Which of the index's lists of names the key is made by, and whether the index has more after that.
    private(set) var list = 0
    private(set) var hasMoreLists = false
    /// Credentials of the request that the origin isn't sent.
    var withheld: CredentialFields?
    /// Selects the variant of another coding than the request's own: `.some(nil)` is the one without.
    var coding: ContentCoding??

    /// What can be told of it without a copy, which would count references.
    var selected: SelectedKeys { SelectedKeys(key: key, plainKey: plainKey, hasRule: search != nil) }

    var plainText: ArraySlice<UInt8> { text.prefix(plainCount) }

    mutating func reset() {
        text.removeAll(keepingCapacity: text.capacity <= 4096)
        isTextKept = false
        plainCount = 0
        search = nil
        withheld = nil
        coding = nil
        leaveIndex()
    }

    private mutating func leaveIndex() {
        varyIndex = nil
        list = 0
        hasMoreLists = false
    }

    // MARK: Composing

    /// The key of a request that nothing is known of yet.
    mutating func compose(_ request: AdmittedRequest, _ composer: inout KeyComposer, _ rules: SearchRules) {
        composePlain(request, &composer)
        if !rules.isEmpty { findSearchRule(request, &composer, rules) }
        key = CacheKey(composer.digest)
        plainKey = key
        isTextKept = false
        plainCount = composer.text.count
    }

    /// Composes the plain key's text, by the rule that the request goes by.
    private func composePlain(_ request: AdmittedRequest, _ composer: inout KeyComposer) {
        guard let entry = request.entry, let match = request.match else {
            preconditionFailure("a request has its route before its key")
        }
        var body: MD5Digest?
        if entry.recipe.needsBody(for: request.head.method) {
            let content = request.content
            body = request.contentDigest ?? MD5Hasher.digest(of: content.span)
        }
        composer.compose(
            request.head, in: request.bytes, scheme: request.scheme, match: match, by: entry.recipe, body: body)
        search?.apply(to: &composer)
    }

    /// The composer's text is the next request's soon; what follows a miss needs it longer.
    mutating func keepText(_ composer: borrowing KeyComposer) {
        isTextKept = true
        text.removeAll(keepingCapacity: true)
        text.append(varyIndex == nil ? composer.text : composer.variantText)
    }

    /// The key of a GET for a target, whose text the composer made.
    mutating func take(plainKeyOf composer: borrowing KeyComposer) {
        key = CacheKey(composer.digest)
        plainKey = key
        leaveIndex()
        plainCount = composer.text.count
        keepText(composer)
    }

    /// Goes back from a variant's key to the plain one.
    mutating func dropVariant() {
        key = plainKey
        if text.count > plainCount { text.removeLast(text.count - plainCount) }
    }

    // MARK: Variants

    /// The key of the variant which the names of one of the index's lists select. The text is the composer's own variant
    /// text.
    mutating func selectVariant(
        by index: StoredResponse, list: Int = 0, _ request: AdmittedRequest, _ composer: inout KeyComposer,
        _ scratch: inout [UInt8]
    ) {
        varyIndex = index
        isTextKept = false
        let lists = index.varyNames
        let range = VaryLists.range(of: list, in: lists)
        self.list = list
        hasMoreLists = range.upperBound < lists.count
        selectVariant(names: lists.extracting(range), generation: index.id, request, &composer, &scratch)
    }

    /// Whether what is stored for a request may stand under several keys.
    var hasOtherLists: Bool { hasMoreLists || list > 0 }

    /// As above, for a response that is to be stored.
    mutating func selectVariant(
        names: Span<UInt8>, generation: UInt64, _ request: AdmittedRequest, _ composer: inout KeyComposer,
        _ scratch: inout [UInt8]
    ) {
        // A look-up may have waited since the plain key was composed, and other requests came in between.
        composePlain(request, &composer)
        composer.beginVariant(generation: generation)
        let received = ReceivedFields(request: request)
        let withheld = withheld
        var walker = VaryNames()
        while let member = walker.next(in: names) {
            guard case .name(let range) = member else { continue }
            let name = names.extracting(range)
            scratch.removeAll(keepingCapacity: true)
            if name.isCaseless("accept-encoding"), request.entry?.requestFields?.changesCodings != true {
                appendAcceptEncoding(of: request, named: name, to: &scratch)
                let value = scratch
                composer.appendVariant(name: name, value: value.span)
                continue
            }
            var variant = VariantKey(field: name, into: &scratch)
            // By what the origin gets: not by what is withheld, nor by what the client sent of a field that the route writes.
            received.forEachValue(
                of: name, except: { withheld?.contains($0, request.bytes) == true },
                { variant.add($0, into: &scratch) })
            variant.end(into: &scratch)
            let value = scratch
            composer.appendVariant(name: name, value: value.span)
        }
        key = CacheKey(composer.finishVariant())
    }

    private func appendAcceptEncoding(of request: AdmittedRequest, named name: Span<UInt8>, to text: inout [UInt8]) {
        for index in name.indices { text.append(name[index].lowercased) }
        text.append(UInt8(ascii: ":"))
        if let coding {
            RequestCodings.append(coding, to: &text)
        } else if !RequestCodings(request).appendKeyed(to: &text) {
            text.removeLast()
        }
        text.append(UInt8(ascii: "\n"))
    }

    /// The text of the variant that was selected last, for a response to be stored under.
    mutating func keepVariantText(_ composer: borrowing KeyComposer) {
        text.removeAll(keepingCapacity: true)
        text.append(composer.variantText)
    }

    // MARK: No-Vary-Search

    /// Looks for the path's rule, with the plain text just composed. Rules are for the queries of GET, by which HEAD is
    /// answered too.
    private mutating func findSearchRule(
        _ request: AdmittedRequest, _ composer: inout KeyComposer, _ rules: SearchRules
    ) {
        guard Self.isSearch(request), let recipe = request.entry?.recipe else { return }
        search = rules.rule(for: composer, by: recipe)
        search?.apply(to: &composer)
    }

    private static func isSearch(_ request: AdmittedRequest) -> Bool {
        request.head.method == .get || request.head.method == .head
    }

    /// Whether what was found may be used by the rule that it was found by.
    func isUsable(_ found: StoredResponse) -> Bool {
        guard let search else { return true }
        return found.facts.requestTime >= search.knownSince
    }

    /// The key of this very query, whatever rule its path has: a failure, say, is stored without one.
    func exact(_ request: AdmittedRequest, _ composer: inout KeyComposer) -> KeySelection? {
        guard search != nil, varyIndex == nil else { return nil }
        var exact = self
        exact.search = nil
        exact.composePlain(request, &composer)
        exact.key = CacheKey(composer.digest)
        return exact
    }

    /// The exact key found something: the request goes on by it.
    mutating func takeExact(_ exact: KeySelection, _ composer: borrowing KeyComposer) {
        self = exact
        takePlainKey(composer)
    }

    /// Composes the text again after ``exact(_:_:)`` found nothing.
    func composeAgain(_ request: AdmittedRequest, _ composer: inout KeyComposer) { composePlain(request, &composer) }

    /// A response that may be stored says by its own rule, or by having none, which key it belongs to. Its path's rule is
    /// noted before the key changes, so that whatever invalidates from then on tells both keys.
    mutating func settleSearchRule(
        _ request: AdmittedRequest, _ response: borrowing ResponseHead, _ bytes: Span<UInt8>,
        _ composer: inout KeyComposer, _ rules: SearchRules, requestTime: Instant, now: Instant
    ) {
        guard search != nil || response.contains(.noVarySearch), Self.isSearch(request),
            request.entry?.recipe.holdsQuery == true
        else { return }
        let declared = Self.searchRule(response, bytes)
        let known = search
        search = nil
        composePlain(request, &composer)
        guard let path = SearchRules.path(of: composer) else { return }
        if let declared {
            search = rules.note(declared, of: path, requestTime: requestTime, now: now)
        } else if let known, response.status == 200 {
            rules.remove(known, of: path, now: now)
        }
        search?.apply(to: &composer)
        takePlainKey(composer)
    }

    /// Whether a response says the same of its queries as what is stored under the present key.
    func keepsSearchRule(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) -> Bool {
        guard response.contains(.noVarySearch) else { return true }
        var text: [UInt8] = []
        if let rule = Self.searchRule(response, bytes) { rule.append(to: &text) }
        return text == search?.text ?? []
    }

    /// Another request's response has a key that isn't this one's: its path may have got a rule since this one was keyed.
    mutating func followSearchRule(_ request: AdmittedRequest, _ composer: inout KeyComposer, _ rules: SearchRules) {
        guard search != nil || !rules.isEmpty, varyIndex == nil else { return }
        search = nil
        composePlain(request, &composer)
        findSearchRule(request, &composer, rules)
        takePlainKey(composer)
    }

    /// The composer's text becomes the plain key.
    private mutating func takePlainKey(_ composer: borrowing KeyComposer) {
        guard CacheKey(composer.digest) != plainKey else { return }
        take(plainKeyOf: composer)
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

extension CacheKey {
    package init(_ digest: MD5Digest) { self.init(high: digest.high, low: digest.low) }
}
