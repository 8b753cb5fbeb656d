// Iterates over the groups in a `Cache-Groups` or `Cache-Group-Invalidation` value (RFC 9875 §2, §3): a structured List
// of Strings. A value that isn't one is ignored (RFC 9651 §4.2), so all of it is checked before the first group is
// returned.

import HTTPSemantics

package struct CacheGroups: Sendable {
    private var items: ListWalker

    /// Nil unless the value is a List of Strings; it may be empty. Each of several lines must be one.
    package init?(field value: Span<UInt8>) {
        var check = ListWalker()
        while let item = check.next(in: value) {
            guard case .string = item else { return nil }
        }
        if check.hasFailed { return nil }
        items = ListWalker()
    }

    /// The next group without its quotes. Quotes and backslashes in it stay escaped; since there is only one way to
    /// escape them, two groups are equal exactly if these bytes are.
    package mutating func next(in value: Span<UInt8>) -> Range<Int>? {
        guard case .string(let content)? = items.next(in: value) else { return nil }
        return content
    }
}
