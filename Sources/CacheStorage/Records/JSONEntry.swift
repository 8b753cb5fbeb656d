// An entry that other programs read and write too: nothing but its content, which is JSON. Here is what makes a response of
// it, and what may be one. It has no key text, no date, and no names to be invalidated by; see `jsonStorageVerdict` for what
// that rules out.

import Bytes
import HTTPCaching
import HTTPSemantics

/// How the entries of a route stand in a remote store.
package enum RecordForm: Sendable, BitwiseCopyable, Equatable {
    /// Head and content, as only Larder reads them.
    case whole
    /// The content alone, which is JSON.
    /// - Parameter longest: the longest life of an entry, in milliseconds; an entry found is taken to have been given that.
    case json(longest: Int64)

    package var isJSON: Bool { self != .whole }
}

package enum JSONEntry {
    /// The largest content, in bytes: it is read and written by one command, behind which others wait.
    package static let limit = 512 << 10
    /// How far at either end white space is looked past.
    private static let widestSpace = 64

    /// Whether the content begins and ends as JSON does (RFC 8259 §2). What is between isn't looked at: other kinds of values
    /// are to be told from JSON, at the same small cost for each length, and a program's faults are its own.
    package static func mayBeJSON(_ content: Span<UInt8>) -> Bool {
        var (start, end) = (0, content.count)
        while start < end, start < widestSpace, content[start].isJSONSpace { start += 1 }
        while end > start, content.count - end < widestSpace, content[end - 1].isJSONSpace { end -= 1 }
        guard start < end else { return false }
        let last = content[end - 1]
        switch content[start] {
        case UInt8(ascii: "{"): return end - start > 1 && last == UInt8(ascii: "}")
        case UInt8(ascii: "["): return end - start > 1 && last == UInt8(ascii: "]")
        case UInt8(ascii: "\""): return end - start > 1 && last == UInt8(ascii: "\"")
        case UInt8(ascii: "-"): return end - start > 1 && last.isDigit
        case UInt8(ascii: "0")...UInt8(ascii: "9"): return last.isDigit
        case UInt8(ascii: "t"): return content.extracting(start..<end).copied() == Array("true".utf8)
        case UInt8(ascii: "f"): return content.extracting(start..<end).copied() == Array("false".utf8)
        case UInt8(ascii: "n"): return content.extracting(start..<end).copied() == Array("null".utf8)
        default: return false
        }
    }

    /// The head that such an entry is served with. Other caches are told to ask each time, as a deletion here doesn't reach them.
    /// - Parameters:
    ///   - date: when it was found or fetched, by the wall clock (RFC 9110 §6.6.1).
    ///   - length: of the content, if that is known.
    package static func head(date: Instant, length: Int?) -> [UInt8] {
        var head = ByteBuffer(minimumCapacity: 192)
        head.append("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: no-cache\r\nDate: ")
        HTTPDate.append(date.secondsSinceEpoch, to: &head)
        head.append("\r\nVia: 1.1 larder\r\n")
        if let length {
            head.append("Content-Length: ")
            head.append(decimal: UInt64(length))
            head.append("\r\n")
        }
        return head.span.copied()
    }

    /// The response that an entry stands for; nil if memory can't be allocated, or the budget has no room.
    /// - Parameters:
    ///   - id: given to no other record.
    ///   - facts: see `StoredFacts.init(bareJSONFoundAt:date:left:longest:)`.
    package static func response(
        id: UInt64, _ facts: StoredFacts, keyText: Span<UInt8>, content: Span<UInt8>, discardAt: WallTime,
        budget: MemoryBudget?
    ) -> StoredResponse? {
        let head = head(date: facts.date, length: content.count)
        // Nobody says which purges were applied when it was made: those before it is taken to have been asked for.
        let asked = UInt64(max(0, facts.requestTime.milliseconds))
        let description = RecordDescription(
            id: id, status: 200, discardAt: discardAt, facts: facts,
            fence: PurgePosition(milliseconds: asked, sequence: 0) ?? .start)
        let lengths = RecordLengths(keyText: keyText.count, varyNames: 0, head: head.count, body: content.count)
        guard
            let assembly = RecordAssembly(kind: .response, description: description, lengths: lengths, budget: budget),
            assembly.append(keyText), assembly.append(head.span), assembly.append(content)
        else { return nil }
        return assembly.finish()
    }
}

extension UInt8 {
    /// RFC 8259 §2.
    fileprivate var isJSONSpace: Bool { self == 0x20 || self == 0x0A || self == 0x0D || self == 0x09 }
}
