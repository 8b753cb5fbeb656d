// Reads a List of structured fields (RFC 9651 §3.1, §4.2.1), and the strings of an inner list (§3.1.1), without
// allocating. The members' parameters are checked and skipped. Values are parsed as in a dictionary.

import Bytes

/// Iterates over the members of a List.
package struct ListWalker {
    private var reader = DictionaryWalker()
    private var isFirst = true
    package private(set) var hasFailed = false

    package init() {}

    /// The next member; nil at the end, and at the first error (`hasFailed`).
    package mutating func next(in bytes: Span<UInt8>) -> DictionaryValue? {
        if isFirst {
            isFirst = false
            reader.skipSpaces(in: bytes)
            if reader.position == bytes.count { return nil }
        } else {
            skipWhitespace(in: bytes)
            if reader.position >= bytes.count { return nil }
            guard reader.take(0x2C, in: bytes) else { return fail() }
            skipWhitespace(in: bytes)
        }
        let isInnerList = reader.position < bytes.count && bytes[reader.position] == 0x28
        guard let value = isInnerList ? reader.innerList(in: bytes) : reader.bareItem(in: bytes),
            reader.parameters(in: bytes)
        else { return fail() }
        return value
    }

    private mutating func fail() -> DictionaryValue? {
        hasFailed = true
        reader.position = .max
        return nil
    }

    private mutating func skipWhitespace(in bytes: Span<UInt8>) {
        while reader.position < bytes.count, bytes[reader.position].isWhitespace { reader.position += 1 }
    }
}

/// Iterates over the strings of an inner list that is the value of a dictionary member.
package struct InnerStringWalker {
    private var reader = DictionaryWalker()
    package private(set) var hasFailed = false

    /// - Parameter member: a member of a dictionary that was read to its end without an error.
    /// - Returns: nil unless the member's value is an inner list.
    package init?(of member: DictionaryMember, in bytes: Span<UInt8>) {
        let open = member.key.upperBound + 1
        guard open < bytes.count, bytes[open - 1] == 0x3D, bytes[open] == 0x28 else { return nil }
        reader.position = open + 1
    }

    /// The next string without its quotes, escapes left as they are; nil at the end, and at the first item that isn't a
    /// string (`hasFailed`).
    package mutating func next(in bytes: Span<UInt8>) -> Range<Int>? {
        reader.skipSpaces(in: bytes)
        if reader.take(0x29, in: bytes) { return nil }
        guard case .string(let content)? = reader.bareItem(in: bytes), reader.parameters(in: bytes) else {
            hasFailed = true
            return nil
        }
        return content
    }
}
