// Which fields of a message don't go on because a route says so. Compiled when the configuration is loaded: a head is copied in
// the long pieces between the lines that are left out, and most lines are passed over by their first letter alone.
//
// Measured in release: a head of eleven fields without two of four names, and three lines behind it, 106 ns; the head alone 10 ns.

import Bytes
import HTTPSemantics

/// Names of fields, compared without regard to case. Many servers take `_` in a name for `-`, so the two are the same here.
package final class FieldRemoval: Sendable {
    /// All names in lower case, one after another, and the end of each.
    private let text: [UInt8]
    private let ends: [Int]
    /// A bit for each first letter, by its lowest five bits.
    private let firstLetters: UInt32

    /// Nil without names.
    package init?(_ names: [[UInt8]]) {
        guard !names.isEmpty else { return nil }
        var end = 0
        var letters: UInt32 = 0
        text = names.flatMap { name in name.map(Self.plain) }
        ends = names.map { name in
            end += name.count
            return end
        }
        for name in names { if let first = name.first { letters |= Self.letter(first) } }
        firstLetters = letters
    }

    package func contains(_ name: Span<UInt8>) -> Bool {
        guard !name.isEmpty, firstLetters & Self.letter(name[0]) != 0 else { return false }
        var start = 0
        for end in ends {
            if end - start == name.count, isSame(name, from: 0, start..<end) { return true }
            start = end
        }
        return false
    }

    /// Appends a head, the line ends included, without the lines of these fields. A status line passes for a line of no field.
    package func append(_ head: Span<UInt8>, to output: inout ByteBuffer) {
        var copied = 0
        var line = 0
        while line < head.count {
            let end = Scan.first(.lineFeed, in: head, from: line, to: head.count)
            let next = min(end + 1, head.count)
            if firstLetters & Self.letter(head[line]) != 0, isNamed(head, from: line, to: end) {
                output.append(head.extracting(copied..<line))
                copied = next
            }
            line = next
        }
        output.append(head.extracting(copied..<head.count))
    }

    /// Lines of fields without those of these.
    package func remaining(of lines: [UInt8]) -> [UInt8] {
        guard !lines.isEmpty else { return lines }
        var rest = ByteBuffer(minimumCapacity: lines.count)
        append(lines.span, to: &rest)
        return rest.span.copied()
    }

    /// Whether the line begins with one of the names and a colon.
    private func isNamed(_ head: Span<UInt8>, from line: Int, to lineEnd: Int) -> Bool {
        var start = 0
        for end in ends {
            let colon = line + end - start
            if colon < lineEnd, head[colon] == UInt8(ascii: ":"), isSame(head, from: line, start..<end) { return true }
            start = end
        }
        return false
    }

    private func isSame(_ bytes: Span<UInt8>, from start: Int, _ name: Range<Int>) -> Bool {
        let offset = start - name.lowerBound
        for index in name where Self.plain(bytes[index + offset]) != text[index] { return false }
        return true
    }

    @inline(__always)
    private static func plain(_ byte: UInt8) -> UInt8 {
        byte == UInt8(ascii: "_") ? UInt8(ascii: "-") : byte.lowercased
    }

    @inline(__always)
    private static func letter(_ byte: UInt8) -> UInt32 { 1 &<< UInt32(byte & 31) }
}
