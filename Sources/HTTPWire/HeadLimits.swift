// How much of a head is read before it is rejected. The limits are enforced while the head is incomplete, so an endless
// head costs no more memory than they allow.

/// Bounds of a request's or response's head.
package struct HeadLimits: Sendable, Equatable {
    /// Bytes of the start line, without its CRLF (414 for a request).
    package var startLine: Int
    /// Bytes of the whole head, line ends included (431).
    package var head: Int
    /// Field lines (431).
    package var fields: Int

    /// Offsets are 32 bits wide; a larger head is rejected whatever the configuration says.
    static let largestHead = 1 << 30

    package init(startLine: Int = 8 << 10, head: Int = 32 << 10, fields: Int = 100) {
        self.head = min(max(head, 0), HeadLimits.largestHead)
        self.startLine = min(max(startLine, 0), self.head)
        self.fields = max(fields, 0)
    }
}
