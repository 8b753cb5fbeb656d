// `cache.credentials`: the request fields that tell who sends a request. What a route's own lifetime stores is for everybody,
// so it doesn't apply to requests with one of them, unless the key names the field: then each value has an entry of its own.

import Bytes
import Configuration
import HTTPSemantics
import HTTPWire

/// Fields of a route that are credentials, by name.
package struct CredentialFields: Sendable {
    package private(set) var known = FieldSet()
    /// Names that aren't known, or may be spelled in an unknown way; in lower case.
    package private(set) var others: [[UInt8]] = []
    /// Cookies that the key names: where a request has no others, its `Cookie` is in the key.
    private let keyedCookies: [[UInt8]]
    /// The key names `Authorization`, so that RFC 9111 §3.5 is kept by having one entry for each caller.
    package let keysAuthorization: Bool

    /// - Parameter changes: what the route changes of requests.
    package init(_ settings: CacheSettings?, _ changes: FieldChanges = FieldChanges()) {
        guard let settings else {
            keysAuthorization = false
            keyedCookies = []
            return
        }
        keyedCookies = (settings.key?.cookies ?? []).map { Array($0.utf8) }
        keysAuthorization = settings.key?.names(field: "authorization") == true
        for text in settings.credentials {
            let name = text.utf8.map(\.lowercased)
            let field = FieldName.recognise(name.span)
            if settings.key?.names(field: String(decoding: name, as: UTF8.self)) == true { continue }
            if field == .cookie, settings.cookies == .ignore { continue }
            if field == .authorization, settings.allowAuthorization { continue }
            // A strict route doesn't forward what the key doesn't name, but for Authorization.
            if settings.isStrict, field != .authorization { continue }
            // Nor does one that replaces or removes it, whoever asks. (RFC 9111 §3.5 holds for Authorization even so.)
            if field != .authorization, changes.withholds(text) { continue }
            if field != .other { known.insert(field) }
            // Those that are known by name may come with `_` for `-`.
            if field == .other || name.contains(UInt8(ascii: "-")) { others.append(name) }
        }
    }

    /// What a request has that has one of them, for a quick look: no more than two words are read and nothing is retained.
    package var hint: FieldSet { others.isEmpty ? known : known.union([.other]) }

    /// Whether the request has one of them.
    package func areIn(_ head: borrowing RequestHead, _ bytes: Span<UInt8>) -> Bool {
        if !head.present.isDisjoint(with: known) { return keyedCookies.isEmpty || first(in: head, bytes) != nil }
        return !others.isEmpty && head.contains(.other) && first(in: head, bytes) != nil
    }

    /// Where the name of the request's first one stands.
    package func first(in head: borrowing RequestHead, _ bytes: Span<UInt8>) -> ByteRange? {
        for field in head.fields where contains(field, bytes) { return field.name }
        return nil
    }

    package func contains(_ field: FieldLine, _ bytes: Span<UInt8>) -> Bool {
        if field.known == .cookie, !keyedCookies.isEmpty {
            return known.contains(.cookie) && hasOtherCookie(field, bytes)
        }
        if field.known != .other { return known.contains(field.known) }
        let name = bytes.extracting(field.name)
        for other in others where name.isFieldName(other.span, takingUnderscores: true) { return true }
        return false
    }

    /// Whether the field has a cookie that the key doesn't name, or anything that is no cookie.
    private func hasOtherCookie(_ field: FieldLine, _ bytes: Span<UInt8>) -> Bool {
        var pairs = CookiePairs(field.value)
        while let pair = pairs.next(in: bytes) {
            if !keyedCookies.contains(where: { RequestValue.cookieValue($0.span, bytes, pair) != nil }) { return true }
        }
        return false
    }

    /// Without the field of that name, in lower case.
    package func without(_ name: Span<UInt8>) -> CredentialFields {
        var rest = self
        let field = FieldName.recognise(name)
        if field != .other { rest.known.remove(field) }
        rest.others.removeAll { $0.span.isSame(as: name) }
        return rest
    }

    /// Whether it has all of the fields that `other` has.
    package func covers(_ other: CredentialFields) -> Bool {
        known.union(other.known) == known && other.others.allSatisfy(others.contains)
    }
}

extension FieldChanges {
    /// Whether the origin gets the same of a field, whichever client asks.
    fileprivate func withholds(_ name: String) -> Bool {
        let folded = FieldChanges.folded(name)
        if remove.contains(where: { FieldChanges.folded($0) == folded }) {
            return !add.contains { FieldChanges.folded($0.name) == folded && $0.value.tellsClients }
        }
        return set.contains { FieldChanges.folded($0.name) == folded && !$0.value.tellsClients }
    }
}
