// Which fields of a response are stored (RFC 9111 §3.1), which a 304 may change (§3.2), and which a 304 made from the
// store carries (RFC 9110 §15.4.5). Unknown fields are stored. Fields named by `Connection`, `private="…"` and
// `no-cache="…"` depend on the response: `FieldNameList` finds them.

import Bytes
import HTTPSemantics

package struct StoredFieldRule: Sendable {
    /// Whether the field is stored. `Age` and `X-Cache` are generated for every response from the store; the other
    /// fields that aren't stored belong to one connection or one proxy.
    package static func mayBeStored(_ field: FieldName) -> Bool {
        switch field {
        case .connection, .keepAlive, .proxyConnection, .proxyAuthenticate, .proxyAuthorization,
            .proxyAuthenticationInfo,
            .te, .trailer, .transferEncoding, .upgrade, .age, .xCache:
            false
        default: true
        }
    }

    /// Whether a 304's field replaces the stored one: all but those that describe the stored content.
    package static func mayBeUpdated(_ field: FieldName) -> Bool {
        switch field {
        case .contentLength, .contentEncoding, .contentType, .contentRange: false
        default: mayBeStored(field)
        }
    }

    /// Whether a 304 made from the store carries the stored field.
    package static func belongsIn304(_ field: FieldName) -> Bool {
        switch field {
        case .cacheControl, .cdnCacheControl, .larderCacheControl, .contentLocation, .date, .etag, .expires,
            .lastModified,
            .vary, .cacheStatus:
            true
        default: false
        }
    }
}

/// Finds a field name in the lists of field names within a response's fields.
package struct FieldNameList: Sendable {
    /// Whether a `Connection` value names the field.
    package static func connection(_ value: Span<UInt8>, names field: Span<UInt8>) -> Bool {
        list(value, names: field)
    }

    /// Whether `private="…"` or `no-cache="…"` in a `Cache-Control` value, or a targeted field's, names the field: it
    /// is not stored then, and the rest of the response may be (RFC 9111 §5.2.2.4, §5.2.2.7). A list in token form
    /// (`private=x`) counts too. Check every such field, whichever governs: leaving out a field is harmless.
    package static func cacheControl(_ value: Span<UInt8>, names field: Span<UInt8>) -> Bool {
        var walker = DirectiveWalker()
        while let directive = walker.next(in: value) {
            let name = value.extracting(directive.name)
            guard name.isCaseless("private") || name.isCaseless("no-cache") else { continue }
            switch directive.argument {
            case .token(let range), .quoted(let range):
                if list(value.extracting(range), names: field) { return true }
            case .none, .malformed: continue
            }
        }
        return false
    }

    private static func list(_ value: Span<UInt8>, names field: Span<UInt8>) -> Bool {
        var start = 0
        while start < value.count {
            let end = value.firstIndex(of: 0x2C, in: start..<value.count) ?? value.count
            if value.extracting(value.trimming(start..<end)).isSameName(as: field) { return true }
            start = end + 1
        }
        return false
    }
}
