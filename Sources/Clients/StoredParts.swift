// Several parts of a stored body as one content (RFC 9110 §14.6): the lines before each, and where the part lies. The parts
// themselves aren't copied.

/// What ``ClientStream/sendStored(_:parts:)`` sends: for each part its lines and its bytes, and then the end.
package struct StoredParts: Sendable {
    struct Part: Sendable {
        /// The part's lines, in `text`.
        let lines: Range<Int>
        /// Where it lies in the stored body.
        let body: Range<Int>
    }

    private(set) var text: [UInt8] = []
    private(set) var parts: [Part] = []
    /// Bytes of the whole content.
    private(set) var count = 0
    private var partsEnd = 0

    package init() {}

    /// Adds a part.
    /// - Parameter appendLines: appends what comes before it.
    package mutating func append(_ body: Range<Int>, appendLines: (inout [UInt8]) -> Void) {
        let start = text.count
        appendLines(&text)
        parts.append(Part(lines: start..<text.count, body: body))
        partsEnd = text.count
        count += text.count - start + body.count
    }

    /// Adds what comes behind the last part.
    package mutating func end(appendLines: (inout [UInt8]) -> Void) {
        appendLines(&text)
        count += text.count - partsEnd
    }

    /// What comes behind the last part.
    var end: Range<Int> { partsEnd..<text.count }
    /// Bytes of all lines.
    var textCount: Int { text.count }
}
