// What a route makes of a request's own values: the tags of what is stored for it, the targets that it invalidates, the
// number by which its server is chosen, and what purges say about its URL.

import Bytes
import CacheStorage
import HTTPSemantics
import HTTPWire
import Routing

extension AdmittedRequest {
    /// All tags of one response together have at most so many bytes; beyond it the response isn't stored, since a purge
    /// might not reach it.
    static let longestTags = 4096

    /// A `Cache-Tag` line with the tags that the route adds; empty if it adds none, nil if they are too long.
    /// - Parameter assembly: a buffer that is empty between two uses.
    func tagLine(in assembly: inout ByteBuffer) -> [UInt8]? {
        guard let entry, let match, !entry.tags.isEmpty else { return [] }
        let bytes = bytes
        assembly.removeAll()
        defer { assembly.removeAll() }
        assembly.append("Cache-Tag: ")
        for (index, tag) in entry.tags.enumerated() {
            if index > 0 { assembly.append(", ") }
            tag.appendTag(bytes, match, to: &assembly)
            guard assembly.count <= Self.longestTags else { return nil }
        }
        assembly.append("\r\n")
        return assembly.span.copied()
    }

    /// The targets that the route invalidates when this request succeeds; a last `*` stands for any rest.
    var declaredTargets: [(target: [UInt8], isPrefix: Bool)] {
        guard let entry, let match, !entry.invalidates.isEmpty else { return [] }
        let bytes = bytes
        return entry.invalidates.map { ($0.target.target(bytes, match), $0.isPrefix) }
    }

    /// Whether what the route stores, or names, may be out of date once the origin has carried the request out. Where it isn't so, a
    /// client that leaves takes its request back.
    var mayChangeStored: Bool {
        guard let entry, entry.mayHaveStored || !entry.invalidates.isEmpty else { return false }
        return mayChangeTarget
    }

    /// What `balance: hash` goes by; nil where servers aren't chosen so, or where the request has no such value.
    var balanceKey: UInt64? { entry?.balance?.number(of: head, bytes, scheme: scheme) }
}

extension AdmittedRequest {
    // MARK: Purges

    // Whether purges apply to what is stored for a request's URL is asked on the path of a HIT: while nothing was ever purged that
    // is one load, and after that one more compare for each record that was found current since the last purge. Nothing is
    // allocated, unless the path or the query isn't in its normal form.

    /// Whether a record that is looked up for this request was purged since its fetch began.
    func purgeVerdict(on record: StoredResponse, at keys: SelectedKeys, in cache: Cache) -> PurgeVerdict {
        // Before anything is asked: a purge that comes meanwhile changes it.
        let revision = cache.purgeRevision
        return revision.isFirst ? .current : markedVerdict(on: record, at: keys, in: cache, revision).verdict
    }

    /// The same, and the mark for a record that is as current as this one, purges that come later aside.
    /// - Parameter revision: read before.
    func markedVerdict(
        on record: StoredResponse, at keys: SelectedKeys, in cache: Cache, _ revision: PurgeRevision
    ) -> (verdict: PurgeVerdict, mark: PurgeMark) {
        // One key may stand for several URLs, and a purge name one of them.
        let isOneURLs =
            entry?.recipe.isStandard == true && !keys.hasRule && !isWrite && !cache.purgesReachQueries
        if isOneURLs, record.isCurrent(at: revision.mark) { return (.current, revision.mark) }
        return withNormalTarget { path, query in
            let authority = bytes.extracting(head.authority)
            let schemeName = scheme.name
            var mark = revision.mark
            if !isOneURLs {
                mark = revision.mark(
                    kind: isWrite ? 1 : 0, scheme: schemeName.span, authority: authority, path: path, query: query)
                if record.isCurrent(at: mark) { return (.current, mark) }
            }
            let verdict = cache.purgeVerdict(
                on: record, key: keys.key, plainKey: keys.plainKey, url: urlDigest(path: path),
                scheme: schemeName.span, authority: authority, path: path, query: query)
            if verdict == .current { record.noteCurrent(at: mark) }
            return (verdict, mark)
        }
    }

    /// - Parameter body: gets the path, and the query with its `?`, in their normal form.
    private func withNormalTarget<Result>(_ body: (Span<UInt8>, Span<UInt8>) -> Result) -> Result {
        let bytes = bytes
        // With its `?`.
        let query = head.hasQuery ? ByteRange(head.query.lower - 1, head.query.upper) : .empty
        let normalPath = NormalTarget.form(of: bytes, in: head.path)
        let normalQuery = NormalTarget.form(of: bytes, in: query)
        if normalPath == nil && normalQuery == nil {
            return body(bytes.extracting(head.path), bytes.extracting(query))
        }
        let path = normalPath ?? bytes.extracting(head.path).copied()
        let rest = normalQuery ?? bytes.extracting(query).copied()
        return body(path.span, rest.span)
    }

    /// What the record of its response says of its URL.
    var urlDigest: CacheKey {
        guard let path = NormalTarget.form(of: bytes, in: head.path) else {
            return urlDigest(path: bytes.extracting(head.path))
        }
        return urlDigest(path: path.span)
    }

    /// - Parameter path: in its normal form.
    private func urlDigest(path: Span<UInt8>) -> CacheKey {
        let schemeName = scheme.name
        return CacheKey(
            URLDigest.of(
                scheme: schemeName.span, authority: bytes.extracting(head.authority), path: path, isOfWrite: isWrite))
    }

    /// Whether it is a POST that isn't a read: no write to a URL invalidates what that brought.
    private var isWrite: Bool { head.method == .post && policy?.postReads != true }
}
