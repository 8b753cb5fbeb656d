// Tokens (RFC 9110 §5.6.2) and how they compare.

import Bytes

@usableFromInline
package enum Token {
    /// Whether `bytes` is one or more token characters and nothing else.
    @inlinable
    package static func isToken(_ bytes: Span<UInt8>) -> Bool {
        guard !bytes.isEmpty else { return false }
        for index in bytes.indices where !ByteClass.token.contains(bytes[index]) { return false }
        return true
    }

    /// Whether both are equal, ignoring ASCII case.
    @inlinable
    package static func equalIgnoringCase(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
        guard left.count == right.count else { return false }
        for index in left.indices where left[index].lowercased != right[index].lowercased { return false }
        return true
    }

    /// Whether `bytes` equals `text`, which must be in lower case, ignoring ASCII case.
    @inlinable
    package static func equalIgnoringCase(_ bytes: Span<UInt8>, _ text: StaticString) -> Bool {
        Scan.equalsIgnoringCase(bytes, text)
    }
}
