// How to create a record from complete data: a small response, a vary index, and a response freshened by a 304 or
// purged softly. Bodies that arrive piece by piece use StoredResponseBuilder.

import Glibc
import HTTPCaching

extension StoredResponse {
    /// Copies everything into one block of the exact size. `nil` if memory can't be allocated.
    package static func response(
        _ description: RecordDescription, keyText: Span<UInt8>, varyNames: Span<UInt8>, head: Span<UInt8>,
        body: Span<UInt8>
    ) -> StoredResponse? {
        let count = keyText.count + varyNames.count + head.count + body.count
        guard let block = unsafe malloc(max(count, 1)) else { return nil }
        var end = unsafe copy(keyText, to: block)
        unsafe end = copy(varyNames, to: end)
        unsafe end = copy(head, to: end)
        _ = unsafe copy(body, to: end)
        return unsafe StoredResponse(
            kind: .response, description: description, adopting: block, keyTextCount: keyText.count,
            varyNamesCount: varyNames.count, headCount: head.count, bodyCount: body.count)
    }

    /// The vary index, stored at the plain key of a resource whose responses vary. `generation` becomes its `id`; an
    /// index that replaces one with the same names keeps its generation, so that the stored variants can still be
    /// found.
    package static func varyIndex(
        generation: UInt64, discardAt: WallTime, facts: StoredFacts, keyText: Span<UInt8>, names: Span<UInt8>,
        fence: PurgePosition = .start, url: CacheKey = .none
    ) -> StoredResponse? {
        guard let block = unsafe malloc(max(keyText.count + names.count, 1)) else { return nil }
        let end = unsafe copy(keyText, to: block)
        _ = unsafe copy(names, to: end)
        let description = RecordDescription(
            id: generation, status: 0, discardAt: discardAt, facts: facts, fence: fence, url: url)
        return unsafe StoredResponse(
            kind: .varyIndex, description: description, adopting: block, keyTextCount: keyText.count,
            varyNamesCount: names.count, headCount: 0, bodyCount: 0)
    }

    /// This response, complete or partial, with a new head and new facts, after a 304 (RFC 9111 §4.3.4). The body isn't
    /// copied: the new record retains the older one's block, and its footprint includes it.
    package func refreshed(_ description: RecordDescription, head: Span<UInt8>) -> StoredResponse? {
        refreshed(description, keyText: keyText, varyNames: varyNames, head: head)
    }

    /// As above, for the key that its new head says (RFC 9111 §4.1).
    package func refreshed(
        _ description: RecordDescription, keyText: Span<UInt8>, varyNames: Span<UInt8>, head: Span<UInt8>
    ) -> StoredResponse? {
        guard let block = unsafe malloc(max(keyText.count + varyNames.count + head.count, 1)) else { return nil }
        var end = unsafe Self.copy(keyText, to: block)
        unsafe end = Self.copy(varyNames, to: end)
        _ = unsafe Self.copy(head, to: end)
        return unsafe StoredResponse(
            kind: kind, description: description, adopting: block, keyTextCount: keyText.count,
            varyNamesCount: varyNames.count, headCount: head.count, bodyCount: bodyCount, bodyOwner: recordWithBody,
            budget: ownBudget)
    }

    /// The same response with a lifetime that is over, for which purges up to `fence` have been asked for.
    package func staled(_ id: UInt64, at now: Instant, fence: PurgePosition) -> StoredResponse? {
        var description = description
        description.id = id
        description.fence = max(description.fence, fence)
        description.facts.lifetime = min(description.facts.lifetime, facts.currentAge(at: now))
        return refreshed(description, head: head)
    }

    /// Appends `source` at `destination`, which has room for it, and returns the end of what was written.
    @unsafe static func copy(
        _ source: Span<UInt8>, to destination: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        unsafe source.withUnsafeBytes { bytes in
            if let start = bytes.baseAddress {
                unsafe destination.copyMemory(from: start, byteCount: bytes.count)
            }
        }
        return unsafe destination + source.count
    }
}
