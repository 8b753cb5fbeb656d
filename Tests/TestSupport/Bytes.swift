import Foundation

// Byte strings as tests write and read them. Tests speak in text; the wire speaks in bytes: these are the two crossings.

/// What went wrong in the harness itself, with enough of the scene to understand it without a debugger.
package struct HarnessError: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

extension Array where Element == UInt8 {
    /// The bytes as text; bytes that are not UTF-8 show as replacement characters.
    package var text: String { String(decoding: self, as: UTF8.self) }

    /// The bytes of a text.
    package init(text: String) { self = Array(text.utf8) }

    /// Where `pattern` stands first at or after `start`.
    package func firstIndex(of pattern: [UInt8], from start: Int = 0) -> Int? {
        guard !pattern.isEmpty, count >= pattern.count + start else { return nil }
        var index = start
        while index <= count - pattern.count {
            if self[index] == pattern[0], self[index..<index + pattern.count].elementsEqual(pattern) { return index }
            index += 1
        }
        return nil
    }
}

/// A body that shows where a piece of it is missing or doubled.
package func patternedBody(_ count: Int) -> [UInt8] {
    // A block of a prime length, over and over.
    let block = (0..<997).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 3) }
    var body: [UInt8] = []
    body.reserveCapacity(count + block.count)
    while body.count < count { body += block }
    body.removeLast(body.count - count)
    return body
}
