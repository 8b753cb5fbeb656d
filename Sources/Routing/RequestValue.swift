// Finds the values in a request that a key template refers to.

import Bytes
import HTTPWire

enum RequestValue {
    /// The first value of that name, and whether there are more: who reads the last one reads another request.
    typealias Found = (value: ByteRange, isRepeated: Bool)

    /// The value of the query parameter of that name; in `?name` alone it is empty.
    static func queryParameter(_ name: Span<UInt8>, _ head: borrowing RequestHead, _ bytes: Span<UInt8>) -> Found? {
        var found: Found?
        let query = head.query
        var start = query.lower
        while start < query.upper {
            var place = 0
            var index = start
            var isName = true
            while index < query.upper, bytes[index] != UInt8(ascii: "&"), bytes[index] != UInt8(ascii: "=") {
                let byte = PercentEncoding.formDecodedByte(bytes, at: &index, end: query.upper)
                if place >= name.count || name[place] != byte { isName = false }
                place += 1
            }
            let nameEnd = index
            while index < query.upper, bytes[index] != UInt8(ascii: "&") { index += 1 }
            if isName, place == name.count, index > start {
                if let first = found { return (first.value, true) }
                found = (ByteRange(min(nameEnd + 1, index), index), false)
            }
            start = index + 1
        }
        return found
    }

    /// The value of the cookie of that name (RFC 6265 §5.4), not decoded.
    static func cookie(_ name: Span<UInt8>, _ head: borrowing RequestHead, _ bytes: Span<UInt8>) -> Found? {
        guard head.contains(.cookie) else { return nil }
        var found: Found?
        for field in head.fields where field.known == .cookie && !head.isNamedByConnection(field, in: bytes) {
            var pairs = CookiePairs(field.value)
            while let pair = pairs.next(in: bytes) {
                guard let value = cookieValue(name, bytes, pair) else { continue }
                if let first = found { return (first.value, true) }
                found = (value, false)
            }
        }
        return found
    }

    /// The value of that cookie, where `pair` is one of that name.
    static func cookieValue(_ name: Span<UInt8>, _ bytes: Span<UInt8>, _ pair: ByteRange) -> ByteRange? {
        var start = pair.lower
        var end = pair.upper
        while start < end, isBlank(bytes[start]) { start += 1 }
        while end > start, isBlank(bytes[end - 1]) { end -= 1 }
        guard end - start > name.count, bytes[start + name.count] == UInt8(ascii: "=") else { return nil }
        for index in name.indices where bytes[start + index] != name[index] { return nil }
        return ByteRange(start + name.count + 1, end)
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
}

/// The pairs of a `Cookie` field (RFC 6265 §4.2.1), with the blanks around them.
struct CookiePairs {
    private var start: Int
    private let end: Int

    init(_ value: ByteRange) {
        start = value.lower
        end = value.upper
    }

    mutating func next(in bytes: Span<UInt8>) -> ByteRange? {
        guard start < end else { return nil }
        let semicolon = Scan.first(UInt8(ascii: ";"), in: bytes, from: start, to: end)
        defer { start = semicolon + 1 }
        return ByteRange(start, semicolon)
    }
}
