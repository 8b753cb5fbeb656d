// `cache.credentials`: the request fields that tell who sends a request. What a route's own lifetime stores is for everybody,
// so it doesn't apply to requests with one of them, unless the key names the field: then each value has an entry of its own.

import Bytes
import Configuration
import HTTPSemantics
import HTTPWire

/// Fields of a route that are credentials, by name.
package struct CredentialFields: Sendable {
    package private(set) var known = FieldSet()
    /// Other names, in lower case.
    package private(set) var others: [[UInt8]] = []
    /// The key names `Authorization`, so that RFC 9111 §3.5 is kept by having one entry for each caller.
    package let keysAuthorization: Bool

    init(_ settings: CacheSettings?) {
        guard let settings else {
            keysAuthorization = false
            return
        }
        keysAuthorization = settings.key?.names(field: "authorization") == true
        for text in settings.credentials {
            let name = text.utf8.map(\.lowercased)
            let field = FieldName.recognise(name.span)
            if settings.key?.names(field: String(decoding: name, as: UTF8.self)) == true { continue }
            if field == .cookie, settings.cookies == .ignore { continue }
            if field == .authorization, settings.allowAuthorization { continue }
            // A strict route doesn't forward what the key doesn't name, but for Authorization.
            if settings.isStrict, field != .authorization { continue }
            if field == .other { others.append(name) } else { known.insert(field) }
        }
    }

    /// Whether the request has one of them.
    @inline(__always)
    package func areIn(_ head: borrowing RequestHead, _ bytes: Span<UInt8>) -> Bool {
        if !head.present.isDisjoint(with: known) { return true }
        return !others.isEmpty && head.contains(.other) && first(in: head, bytes) != nil
    }

    /// Where the name of the request's first one stands.
    package func first(in head: borrowing RequestHead, _ bytes: Span<UInt8>) -> ByteRange? {
        for field in head.fields where contains(field, bytes) { return field.name }
        return nil
    }

    package func contains(_ field: FieldLine, _ bytes: Span<UInt8>) -> Bool {
        if field.known != .other { return known.contains(field.known) }
        for name in others where RequestValue.isNamed(field, name.span, bytes) { return true }
        return false
    }

    /// Without the field of that name, in lower case.
    package func without(_ name: Span<UInt8>) -> CredentialFields {
        var rest = self
        let field = FieldName.recognise(name)
        if field == .other { rest.others.removeAll { $0.span.isSame(as: name) } } else { rest.known.remove(field) }
        return rest
    }

    /// Whether it has all of the fields that `other` has.
    package func covers(_ other: CredentialFields) -> Bool {
        known.union(other.known) == known && other.others.allSatisfy(others.contains)
    }
}
