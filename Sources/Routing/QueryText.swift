// The query of a target in its key form: normalised, filtered, sorted by name.
//
// Names are compared as a form decodes them: for most APIs `sort[]` and `sort%5B%5D` are one name, `a+b` and `a%20b` another.
// Sorting is stable, so that pairs of one name keep their order, which may mean something to the origin. `a` and `a=`
// stay different, empty pairs (`a=1&&b=2`) are removed, and a query of which nothing is left counts as missing. With
// `cache.query: exact` the query is used byte for byte, except that pairs can still be excluded by name.

import Bytes
import Configuration
import HTTPWire

/// Composes one query at a time in reusable buffers.
struct QueryText: ~Copyable {
    /// The query composed last, without its `?`.
    private(set) var text = ByteBuffer()
    /// Whether there is a query to write after a `?`.
    private(set) var isPresent = false
    /// What `text` is written from.
    private var whole = ByteBuffer()
    private var pairs: [QueryPair] = []
    private var order = QueryOrder()

    mutating func compose(_ bytes: Span<UInt8>, _ query: ByteRange, by rule: QueryRule) {
        text.removeAll()
        switch rule.mode {
        case .ignore: break
        case .exact where rule.takesAll:
            text.append(bytes.extracting(query))
            isPresent = true
            return
        case .exact: filter(bytes, query, rule)
        case .sorted where rule.takesAll:
            text.appendNormalized(bytes, query)
            sort()
        case .sorted:
            // Names are filtered as they were sent: the normal form of `%%341` is `%41`, which would be another name.
            filter(bytes, query, rule)
            swap(&text, &whole)
            Self.normalize(whole, into: &text)
            sort()
        }
        isPresent = !text.isEmpty
    }

    private mutating func filter(_ bytes: Span<UInt8>, _ query: ByteRange, _ rule: QueryRule) {
        text.append(bytes.extracting(query))
        if !Self.findPairs(in: text, by: rule, &pairs) { write() }
    }

    private static func normalize(_ whole: borrowing ByteBuffer, into text: inout ByteBuffer) {
        text.removeAll()
        text.appendNormalized(whole.span, ByteRange(0, whole.count))
    }

    /// Sorts the pairs of the normal form, which are those of the query: `&` and `=` stay as they are, encoded or not.
    private mutating func sort() {
        let areAll = Self.findPairs(in: text, by: nil, &pairs)
        guard hasEncodedNames else {
            if order.sort(&pairs, in: text) || !areAll { write() }
            return
        }
        Self.decodeNames(of: &pairs, in: text, into: &whole)
        if order.sort(&pairs, in: whole) || !areAll { Self.copy(pairs, from: whole, to: &text) }
    }

    private var hasEncodedNames: Bool {
        let bytes = text.span
        for pair in pairs {
            for index in Int(pair.nameStart)..<Int(pair.nameEnd)
            where bytes[index] == UInt8(ascii: "%") || bytes[index] == UInt8(ascii: "+") { return true }
        }
        return false
    }

    /// Writes each pair, with a `&` behind it, after its name as a form decodes it. A zero stays encoded: it would be the end
    /// of the name.
    private static func decodeNames(
        of pairs: inout [QueryPair], in text: borrowing ByteBuffer, into decoded: inout ByteBuffer
    ) {
        decoded.removeAll()
        let bytes = text.span
        for index in pairs.indices {
            let pair = pairs[index]
            let name = decoded.count
            var place = Int(pair.nameStart)
            while place < pair.nameEnd {
                let byte = PercentEncoding.formDecodedByte(bytes, at: &place, end: Int(pair.nameEnd))
                if byte == 0 { decoded.append("%00") } else { decoded.append(byte) }
            }
            let start = decoded.count
            decoded.append(bytes.extracting(Int(pair.start)..<Int(pair.end)))
            pairs[index] = QueryPair(start, end: decoded.count, name: name..<start)
            decoded.append(UInt8(ascii: "&"))
        }
    }

    /// Finds the pairs that the rule takes, or all; false if the text has anything else.
    private static func findPairs(
        in text: borrowing ByteBuffer, by rule: QueryRule?, _ pairs: inout [QueryPair]
    ) -> Bool {
        pairs.removeAll(keepingCapacity: true)
        let bytes = text.span
        var count = 0
        var start = 0
        while start < bytes.count {
            let end = Scan.first(UInt8(ascii: "&"), in: bytes, from: start, to: bytes.count)
            let nameEnd = Scan.first(UInt8(ascii: "="), in: bytes, from: start, to: end)
            if end > start, rule?.takes(bytes, ByteRange(start, nameEnd)) != false {
                pairs.append(QueryPair(start, nameEnd: nameEnd, end: end))
                count += end - start + 1
            }
            start = end + 1
        }
        return count == bytes.count + 1
    }

    /// Writes the pairs in their order.
    private mutating func write() {
        swap(&text, &whole)
        // Each pair is copied together with the `&` behind it.
        whole.append(UInt8(ascii: "&"))
        Self.copy(pairs, from: whole, to: &text)
    }

    private static func copy(_ pairs: [QueryPair], from whole: borrowing ByteBuffer, to text: inout ByteBuffer) {
        text.removeAll()
        text.reserve(whole.count)
        let bytes = whole.span
        for pair in pairs { text.append(bytes.extracting(Int(pair.start)...Int(pair.end))) }
        if !pairs.isEmpty { text.removeLast(1) }
    }
}

extension QueryRule {
    /// Whether pairs of that name are included.
    func takes(_ bytes: Span<UInt8>, _ name: ByteRange) -> Bool {
        if let allow, !allow.contains(bytes, name) { return false }
        if let deny, deny.contains(bytes, name) { return false }
        return true
    }
}
