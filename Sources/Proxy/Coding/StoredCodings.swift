// The codings in which one response may be stored (`compress`): each is a variant of its own. Where one is missing and another is
// there and fresh, the missing one is made of that, so that all codings are of one response of the origin's, and it is asked
// once for all of them. Only memory is looked through: a remote store would take a round trip for each coding.

import Bytes
import CacheStorage
import Compression
import HTTPCaching
import HTTPSemantics
import Routing

extension FillService {
    /// Longer content isn't coded again in one turn of the loop, which that would hold up for more than some twenty milliseconds:
    /// the origin is asked, and its response coded as it arrives.
    private static func recodedLimit(_ compression: RouteCompression) -> Int {
        compression.effort == .best ? 128 << 10 : 512 << 10
    }

    /// The codings of a route's responses, none included.
    private static func codings(_ compression: RouteCompression) -> [ContentCoding?] {
        [nil] + compression.codings.map { .some($0) }
    }

    /// A fresh response in the coding that the request gets, made of one that is stored in another, and stored; nil if there is
    /// none. The composer's variant text is another one after this.
    /// - Parameters:
    ///   - isCurrent: whether no group of a response was invalidated.
    ///   - makes: false where this is only explained: what it would be made of is returned.
    func responseFromOtherCoding(
        for request: AdmittedRequest, _ keys: KeySelection, makes: Bool, isCurrent: (StoredResponse) -> Bool
    ) -> StoredResponse? {
        guard let compression = request.entry?.compression, let policy = request.policy, keys.varyIndex != nil,
            keys.isTextKept, keys.coding == nil
        else { return nil }
        let wanted = RequestCodings(request)
        guard wanted.isServed else { return nil }
        let (began, end) = (cache.moment, cache.copiesEnd)
        for coding in Self.codings(compression) where coding != wanted.coding {
            guard let other = keys.inOtherCoding(coding, request, &composer, &variantText) else { return nil }
            let found = composer.withVariantText { cache.peekInMemory(other.key, keyText: $0, now: wallTime) }
            guard let found, found.isResponse, CodableHead.namesCoding(found.varyNames), keys.isUsable(found),
                case .fresh = reuseVerdict(
                    stored: found.facts, request: request.facts, policy: policy, now: instant),
                isCurrent(found), Self.isCoded(found, in: coding)
            else { continue }
            if !makes { return found }
            guard let made = recode(found, coding, wanted.coding, keys, compression) else { continue }
            counters.recoded += 1
            if let index = keys.varyIndex {
                cache.noteVariant(
                    keys.key, of: index.id, limit: request.runtime.configuration.limits.variants)
            }
            // Another process may have replaced in Redis what memory has a copy of: what is made of that stays here, as long as it.
            if cache.usesRemote {
                cache.keepInMemory(keys.key, made, until: end)
            } else {
                cache.put(keys.key, made, of: keys.plainKey, since: began, now: wallTime)
            }
            return made
        }
        return nil
    }

    /// Whether its content has this coding, which it got here, or has none.
    private static func isCoded(_ stored: StoredResponse, in coding: ContentCoding?) -> Bool {
        let field = StoredHead.value(of: .contentEncoding, in: stored.head)
        guard let coding else { return field.isEmpty }
        return stored.facts.flags.contains(.codedHere) && field.span.isCaseless(coding.name)
    }

    /// Whether the validators of a response tell that it isn't what the other one was made of.
    static func isAnotherVersion(_ response: StoredResponse, than other: StoredResponse) -> Bool {
        if let tag = EntityTag(field: response.etag), let otherTag = EntityTag(field: other.etag) {
            return !tag.isWeaklyEqual(to: otherTag, response.etag, other.etag)
        }
        return !response.lastModified.isEmpty && !other.lastModified.isEmpty
            && !response.lastModified.isSame(as: other.lastModified)
    }

    private func recode(
        _ stored: StoredResponse, _ coding: ContentCoding?, _ wanted: ContentCoding?, _ keys: KeySelection,
        _ compression: RouteCompression
    ) -> StoredResponse? {
        let limit = Self.recodedLimit(compression)
        guard stored.bodyCount <= limit, isCodable(stored, compression) else { return nil }
        // What both buffers, and the compressor, may come to hold.
        let room = 2 * limit + (wanted.map { Compressor.footprint($0, compression.effort, length: limit) } ?? 0)
        guard budget.reserve(room) else {
            counters.leftUncompressed += 1
            return nil
        }
        defer { budget.release(room) }
        var content = ByteBuffer()
        if let coding {
            guard Decompression.decode(stored.body, coding, atMost: limit, into: &content) else {
                return nil
            }
        } else {
            content.append(stored.body)
        }
        var body = ByteBuffer()
        if let wanted {
            guard compression.gains(length: UInt64(content.count)),
                let compressor = compressors.take(wanted, compression.effort, length: content.count),
                compressor.compress(content.span, into: &body), compressor.finish(into: &body)
            else { return nil }
            compressors.put(compressor)
        } else {
            swap(&content, &body)
        }
        return record(of: stored, in: wanted, keys, body.span)
    }

    private func isCodable(_ stored: StoredResponse, _ compression: RouteCompression) -> Bool {
        var codable = CodableHead()
        StoredHead.forEachLine(of: stored.head) { name, line in
            let known = FieldName.recognise(name)
            if known != .contentEncoding { codable.note(name, known, StoredHead.value(of: line), by: compression) }
        }
        return codable.isCodable
    }

    private func record(
        of stored: StoredResponse, in coding: ContentCoding?, _ keys: KeySelection, _ body: Span<UInt8>
    ) -> StoredResponse? {
        let flags = stored.facts.flags
        var head = RecodedHead(
            status: stored.head.extracting(..<StoredHead.statusLineEnd(stored.head)), coding: coding,
            restoresTag: flags.contains(.weakenedETag))
        StoredHead.forEachLine(of: stored.head) { name, line in
            head.take(name, FieldName.recognise(name), StoredHead.value(of: line))
        }
        head.end()
        var description = stored.description
        description.id = newIdentifier()
        description.headHasContentLength = false
        description.facts.flags = flags.recoded(coding, isTagWeakened: head.isTagWeakened)
        let (lines, text) = (head.lines, keys.text)
        (description.etag, description.lastModified) = StoredHead.validators(in: lines.span)
        return StoredResponse.response(
            description, keyText: text.span, varyNames: stored.varyNames, head: lines.span, body: body)
    }

    /// A new version is stored in one coding: what is stored in others is of an old one.
    func deleteOtherCodings(of request: AdmittedRequest, _ keys: KeySelection) {
        guard let compression = request.entry?.compression, keys.varyIndex != nil || keys.key != keys.plainKey else {
            return
        }
        var others: [CacheKey] = []
        for coding in Self.codings(compression) {
            guard let other = keys.inOtherCoding(coding, request, &composer, &variantText) else { return }
            if other.key != keys.key { others.append(other.key) }
        }
        cache.delete(others)
    }
}

extension KeySelection {
    /// The same variant in another coding, with its text in the composer; nil where codings make no variants.
    fileprivate func inOtherCoding(
        _ coding: ContentCoding?, _ request: AdmittedRequest, _ composer: inout KeyComposer, _ scratch: inout [UInt8]
    ) -> KeySelection? {
        guard let varyIndex else { return nil }
        var other = self
        other.coding = .some(coding)
        other.selectVariant(by: varyIndex, list: list, request, &composer, &scratch)
        return other
    }
}

extension KeyComposer {
    fileprivate borrowing func withVariantText<Result>(_ body: (Span<UInt8>) -> Result) -> Result { body(variantText) }
}

extension StoredFacts.Flags {
    /// Of the same response in another coding.
    fileprivate func recoded(_ coding: ContentCoding?, isTagWeakened: Bool) -> StoredFacts.Flags {
        var flags = self
        if coding == nil {
            flags.remove(.codedHere)
            if flags.remove(.weakenedETag) != nil {
                flags.remove(.weakETag)
                flags.insert(.strongETag)
            }
        } else {
            flags.insert(.codedHere)
            if isTagWeakened {
                flags.remove(.strongETag)
                flags.formUnion([.weakETag, .weakenedETag])
            }
        }
        return flags
    }
}
