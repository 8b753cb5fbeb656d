// Decides what may be stored as its content alone, where a route shares its entries with programs that read and write bare
// JSON (`cache.record: json`). All else of a response is lost there, against RFC 9111 §3.1, so it must be one that means the
// same without: a 200 whose content is JSON as such (RFC 8259), with nothing beside it that a client needs to understand or
// find it. What is served from there has `Content-Type`, `Date` and what the route itself sets; validators are lost, so that it
// is never revalidated, and is not kept beyond its freshness lifetime.

import Bytes
import HTTPSemantics

/// Looks at the fields of one response, one by one.
package struct JSONStorageCheck {
    private var reason: Reason?
    private var hasType = false

    /// - Parameter forbidsTransformation: whether the response has `no-transform`, which would be lost.
    package init(status: Status, forbidsTransformation: Bool) {
        if status.code != 200 {
            reason = .jsonType
        } else if forbidsTransformation {
            reason = .jsonFields
        }
    }

    /// Notes a field that is forwarded.
    /// - Parameters:
    ///   - isReplaced: whether the route sets or removes it in each response, so that nothing of it is lost.
    ///   - isFixed: whether a request field makes no difference between requests of one key.
    package mutating func note(
        _ field: FieldName, _ name: Span<UInt8>, _ value: Span<UInt8>, isReplaced: Bool,
        isFixed: (Span<UInt8>) -> Bool
    ) {
        guard reason == nil else { return }
        switch field {
        case .contentType:
            if hasType || !isPlainJSON(value) { reason = .jsonType }
            hasType = true
        case .vary:
            var names = VaryNames()
            while let member = names.next(in: value) {
                switch member {
                case .name(let range): if !isFixed(value.extracting(range)) { reason = .jsonVary }
                case .star: reason = .jsonVary
                }
            }
        case .contentEncoding: if !value.isCaseless("identity") { reason = .jsonFields }
        // Names and keys that purges and later requests go by are no route's to replace.
        case .setCookie, .cacheTag, .surrogateKey, .xkey, .cacheGroups, .noVarySearch, .contentRange:
            reason = .jsonFields
        case .contentLanguage, .contentLocation, .contentDisposition, .location, .link:
            if !isReplaced { reason = .jsonFields }
        case .other: if !isReplaced, tellsClients(name) { reason = .jsonFields }
        default: break
        }
    }

    /// Why the response can't be stored as its content alone; nil if it can.
    package var refusal: Reason? { reason ?? (hasType ? nil : .jsonType) }
}

/// What is stored of a response as its content alone: how long it may live, and the facts that a stored one has.
/// - Parameters:
///   - facts: of the whole response, which may be stored.
///   - longest: the longest life of an entry.
package func jsonStorageVerdict(_ facts: StoredFacts, longest: Seconds, reads: Bool) -> StorageVerdict {
    // It would be validated before each use, and has nothing to be validated with.
    if facts.flags.contains(.noCache) { return .refuse(.noCacheUnvalidatable) }
    // Whether its origin said so or only the route isn't known any more when it is read.
    guard reads else { return .refuse(.postRuns) }
    let life = min(facts.lifetime - facts.correctedInitialAge, longest)
    guard life > .zero else { return .refuse(.alreadyStale) }
    var bare = facts
    bare.lifetime = facts.correctedInitialAge + life
    bare.staleWhileRevalidate = .zero
    bare.staleIfError = .zero
    bare.flags = .ofBareJSON
    return .store(bare, life: life)
}

extension StoredFacts {
    /// Of an entry that was found as bare JSON. Who wrote it, and when, isn't known: it is taken to have been given the route's
    /// whole lifetime, so that its age is what that lacks of it.
    /// - Parameters:
    ///   - now: when it was looked up.
    ///   - date: the same by the wall clock.
    ///   - left: milliseconds of its life; nil for one that doesn't end.
    ///   - longest: the route's lifetime, in milliseconds.
    package init(bareJSONFoundAt now: Instant, date: Instant, left: Int64?, longest: Int64) {
        let left = min(left ?? longest, StoredFacts.greatestLifetime.milliseconds)
        let age = max(0, longest - left)
        let initialAge = Seconds(age / 1000)
        let life = Seconds((left + 999) / 1000)
        let asked = Instant(milliseconds: now.milliseconds - age)
        self.init(
            requestTime: asked, responseTime: now, date: date, lastModifiedTime: Instant(secondsSinceEpoch: 0),
            correctedInitialAge: initialAge, lifetime: initialAge + life, staleWhileRevalidate: .zero,
            staleIfError: .zero, status: Status(200), flags: .ofBareJSON)
    }
}

extension StoredFacts.Flags {
    /// Nobody's but the route's word says who may be given it.
    fileprivate static let ofBareJSON: StoredFacts.Flags = [.bareJSON, .lifetimeFromRoute]
}

/// Whether a media type is JSON as such, in UTF-8: another one, or one with a profile, would be lost.
private func isPlainJSON(_ contentType: Span<UInt8>) -> Bool {
    let end = contentType.firstIndex(of: 0x3B, in: contentType.indices) ?? contentType.count
    guard contentType.extracting(contentType.trimming(0..<end)).isCaseless("application/json") else { return false }
    guard end < contentType.count else { return true }
    let parameter = contentType.extracting(contentType.trimming(end + 1..<contentType.count))
    return parameter.isEmpty || parameter.isCaseless("charset=utf-8") || parameter.isCaseless("charset=\"utf-8\"")
}

/// Whether clients act on a field of that name, which has no other meaning here: what CORS allows (Fetch §3.3), where to go next,
/// and what the content is signed with.
private func tellsClients(_ name: Span<UInt8>) -> Bool {
    let prefix: StaticString = "access-control-"
    if name.count > prefix.utf8CodeUnitCount,
        name.extracting(..<prefix.utf8CodeUnitCount).isCaseless(prefix)
    {
        return true
    }
    return name.isCaseless("refresh") || name.isCaseless("authentication-info") || name.isCaseless("signature")
        || name.isCaseless("signature-input") || name.isCaseless("preference-applied")
}
