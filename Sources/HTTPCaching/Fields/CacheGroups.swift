// Walks over the groups in a `Cache-Groups` or `Cache-Group-Invalidation` value (RFC 9875 §2, §3): a structured List of
// Strings. A value that isn't one counts for nothing (RFC 9651 §4.2), so the whole of it is checked before a group is told.

import HTTPSemantics

package struct CacheGroups: Sendable {
    private var items: ListWalker

    /// Nil unless the value is a List of Strings; a list without members is one. Of several lines each has to be one.
    package init?(field value: Span<UInt8>) {
        var check = ListWalker()
        while let item = check.next(in: value) {
            guard case .string = item else { return nil }
        }
        if check.hasFailed { return nil }
        items = ListWalker()
    }

    /// The next group: what stands between its quotes. Quotes and backslashes in it stay escaped, and as there is one way
    /// to escape them, two groups are the same exactly if their bytes here are.
    package mutating func next(in value: Span<UInt8>) -> Range<Int>? {
        guard case .string(let content)? = items.next(in: value) else { return nil }
        return content
    }
}
