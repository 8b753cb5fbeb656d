// Whom the proxies in front name as their clients: the hops of X-Forwarded-For or of Forwarded (RFC 7239), the nearest one first.
// It reads from the right, so that what a client wrote itself can't change how the elements are read that proxies appended,
// an unbalanced quotation mark included. It decides nothing: whether a hop is to be believed depends on who named it.

import Bytes
import HTTPSemantics

/// The hops that one request names. Pass the same head's lines and bytes each time.
package struct ForwardedHops {
    private let name: FieldName
    /// The line that is read now, and where what is left of it ends.
    private var line: Int
    private var end = 0

    /// Those of X-Forwarded-For, which nearly every proxy sets; without that field, those of Forwarded. Never of both: the
    /// other field may be the client's own, passed on by a proxy that doesn't know it.
    package init(of head: borrowing RequestHead) {
        name = head.contains(.xForwardedFor) ? .xForwardedFor : .forwarded
        line = head.fields.count
    }

    /// The next hop's node, as in `192.0.2.1` or `[2001:db8::1]:4711`; empty where there is none that can be read; nil at the
    /// end.
    package mutating func next(in lines: [FieldLine], _ bytes: Span<UInt8>) -> ByteRange? {
        guard let element = nextElement(in: lines, bytes) else { return nil }
        return name == .forwarded ? Self.value(of: "for", in: element, bytes) : element
    }

    private mutating func nextElement(in lines: [FieldLine], _ bytes: Span<UInt8>) -> ByteRange? {
        while true {
            if line < lines.count, end > lines[line].value.lower {
                let element = takeElement(from: lines[line].value.lower, bytes)
                if !element.isEmpty { return element }
                continue
            }
            repeat {
                guard line > 0 else { return nil }
                line -= 1
            } while lines[line].known != name
            end = lines[line].value.upper
        }
    }

    /// The last element before `end`, which moves to the comma that precedes it.
    private mutating func takeElement(from lower: Int, _ bytes: Span<UInt8>) -> ByteRange {
        var start = end
        var isQuoted = false
        while start > lower {
            let byte = bytes[start - 1]
            if byte == UInt8(ascii: "\""), name == .forwarded {
                if !isQuoted || !Self.isEscaped(start - 1, from: lower, bytes) { isQuoted.toggle() }
            } else if byte == UInt8(ascii: ","), !isQuoted {
                break
            }
            start -= 1
        }
        let element = ListElements.trimmed(bytes, start, end)
        end = start > lower ? start - 1 : lower
        return element
    }

    /// Whether an odd number of backslashes precedes the byte.
    private static func isEscaped(_ index: Int, from lower: Int, _ bytes: Span<UInt8>) -> Bool {
        var start = index
        while start > lower, bytes[start - 1] == UInt8(ascii: "\\") { start -= 1 }
        return (index - start) & 1 == 1
    }

    /// The `proto` of the next element of Forwarded.
    fileprivate mutating func nextProtocol(in lines: [FieldLine], _ bytes: Span<UInt8>) -> ByteRange? {
        guard let element = nextElement(in: lines, bytes) else { return nil }
        return Self.value(of: "proto", in: element, bytes)
    }

    /// Those of Forwarded, whatever other field there is.
    fileprivate init(ofForwarded head: borrowing RequestHead) {
        name = .forwarded
        line = head.fields.count
    }

    /// The value of the one parameter of that name, without its quotation marks; empty where there is none, or several.
    private static func value(of name: StaticString, in element: ByteRange, _ bytes: Span<UInt8>) -> ByteRange {
        var found: ByteRange?
        var position = element.lower
        let count = name.utf8CodeUnitCount
        while position < element.upper {
            let end = pairEnd(from: position, to: element.upper, bytes)
            let pair = ListElements.trimmed(bytes, position, end)
            if pair.count > count + 1, bytes[pair.lower + count] == UInt8(ascii: "="),
                Token.equalIgnoringCase(bytes.extracting(pair.lower..<(pair.lower + count)), name)
            {
                guard found == nil else { return .empty }
                found = unquoted(ByteRange(pair.lower + count + 1, pair.upper), bytes)
            }
            position = end + 1
        }
        return found ?? .empty
    }

    /// Where the next semicolon outside quotation marks stands, or `upper`.
    private static func pairEnd(from start: Int, to upper: Int, _ bytes: Span<UInt8>) -> Int {
        var end = start
        var isQuoted = false
        while end < upper {
            let byte = bytes[end]
            if byte == UInt8(ascii: "\"") {
                isQuoted.toggle()
            } else if isQuoted, byte == UInt8(ascii: "\\") {
                end += 1
            } else if !isQuoted, byte == UInt8(ascii: ";") {
                break
            }
            end += 1
        }
        return min(end, upper)
    }

    /// No address needs a backslash: a value with one is taken for none.
    private static func unquoted(_ value: ByteRange, _ bytes: Span<UInt8>) -> ByteRange {
        let quote = UInt8(ascii: "\"")
        let isQuoted = bytes[value.lower] == quote
        guard !isQuoted || value.count >= 2 && bytes[value.upper - 1] == quote else { return .empty }
        let inner = isQuoted ? ByteRange(value.lower + 1, value.upper - 1) : value
        for index in inner.lower..<inner.upper where bytes[index] == quote || bytes[index] == UInt8(ascii: "\\") {
            return .empty
        }
        return inner
    }
}

extension RequestHead {
    /// Whether the first element of Forwarded, the one of the proxy that the client spoke to, says that it came by https.
    package func isForwardedAsHTTPS(in bytes: Span<UInt8>) -> Bool {
        var hops = ForwardedHops(ofForwarded: self)
        var first = ByteRange.empty
        while let next = hops.nextProtocol(in: fields, bytes) { first = next }
        return Token.equalIgnoringCase(bytes.extracting(first), "https")
    }

    /// Whether Via says that the gateway of that pseudonym has received the request before (RFC 9110 §7.6.3, RFC 9209 §2.3.32).
    ///
    /// Elements end at any comma: quotation marks in a comment of the client's can't hide what was appended after it.
    package func hasPassed(_ pseudonym: Span<UInt8>, in bytes: Span<UInt8>) -> Bool {
        for field in fields where field.known == .via {
            var start = field.value.lower
            while start < field.value.upper {
                var end = start
                while end < field.value.upper, bytes[end] != UInt8(ascii: ",") { end += 1 }
                // `1.1 name`, with a comment maybe.
                let element = ListElements.trimmed(bytes, start, end)
                var name = element.lower
                while name < element.upper, !bytes[name].isWhitespace { name += 1 }
                while name < element.upper, bytes[name].isWhitespace { name += 1 }
                var nameEnd = name
                while nameEnd < element.upper, !bytes[nameEnd].isWhitespace { nameEnd += 1 }
                if Token.equalIgnoringCase(bytes.extracting(name..<nameEnd), pseudonym) { return true }
                start = end + 1
            }
        }
        return false
    }
}
