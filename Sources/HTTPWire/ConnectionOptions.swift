// The options of Connection (RFC 9110 §7.6.1): whether the connection persists, whether to upgrade it, and which fields
// are hop-by-hop.

import Bytes
import HTTPSemantics

@usableFromInline
package struct ConnectionOptions: Sendable {
    @usableFromInline package internal(set) var hasClose = false
    @usableFromInline package internal(set) var hasKeepAlive = false
    @usableFromInline package internal(set) var hasUpgrade = false
    /// The known fields that it names; `other` is a member if it names any field that isn't known.
    package private(set) var named = FieldSet()

    /// Reads one Connection line. False if an element isn't a token; what it was meant to name is not guessed.
    mutating func read(_ value: ByteRange, in bytes: Span<UInt8>) -> Bool {
        var elements = ListElements(value)
        while let element = elements.next(in: bytes) {
            let option = bytes.extracting(element)
            guard Token.isToken(option) else { return false }
            switch option.count {
            case 5 where Scan.equalsIgnoringCase(option, "close"): hasClose = true
            case 10 where Scan.equalsIgnoringCase(option, "keep-alive"): hasKeepAlive = true
            case 7 where Scan.equalsIgnoringCase(option, "upgrade"): hasUpgrade = true
            default: named.insert(FieldName.recognise(option))
            }
        }
        return true
    }
}
