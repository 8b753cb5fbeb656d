// The name and value of a query's pair as the application/x-www-form-urlencoded parser reads them, in a normal form:
// two texts are equivalent exactly if their normal forms are equal. `+` becomes a space, percent-encoding is decoded,
// invalid UTF-8 becomes U+FFFD, and then every octet that isn't unreserved (RFC 3986 §2.3) is percent-encoded.

import Bytes

/// One pair in its normal form, as ranges of the text that it was appended to.
struct FormPair {
    var name: Range<Int>
    /// Name and value together.
    var whole: Range<Int>

    /// Appends the normal form of `text`, one pair without its `&`.
    init(_ text: Span<UInt8>, into output: inout [UInt8]) {
        let equals = text.firstIndex(of: 0x3D, in: text.indices) ?? text.count
        let start = output.count
        appendNormalForm(of: text.extracting(0..<equals), into: &output)
        name = start..<output.count
        output.append(0x3D)
        if equals < text.count { appendNormalForm(of: text.extracting((equals + 1)..<text.count), into: &output) }
        whole = start..<output.count
    }

    /// Sorts the pairs in `text` from `start` on by name; pairs of one name keep their order.
    static func sort(_ pairs: inout [FormPair], from start: Int, in text: inout [UInt8]) {
        pairs.sort { left, right in
            if isLess(text, left.name, text, right.name) { return true }
            if isLess(text, right.name, text, left.name) { return false }
            return left.whole.lowerBound < right.whole.lowerBound
        }
        let end = text.count
        text.reserveCapacity(2 * end - start)
        for pair in pairs {
            for index in pair.whole { text.append(text[index]) }
            text.append(0x26)
        }
        text.removeSubrange(start..<end)
    }
}

/// Compares byte by byte; of two with a common prefix, the shorter comes first.
func isLess(_ left: [UInt8], _ leftRange: Range<Int>, _ right: [UInt8], _ rightRange: Range<Int>) -> Bool {
    var (first, second) = (leftRange.lowerBound, rightRange.lowerBound)
    while first < leftRange.upperBound, second < rightRange.upperBound {
        if left[first] != right[second] { return left[first] < right[second] }
        first += 1
        second += 1
    }
    return leftRange.count < rightRange.count
}

/// Appends a name or value in its normal form.
func appendNormalForm(of text: Span<UInt8>, into output: inout [UInt8]) {
    var decoder = UTF8Replacer()
    var position = 0
    while position < text.count {
        let byte = text[position]
        if byte == 0x25, position + 2 < text.count, let high = text[position + 1].hexValue,
            let low = text[position + 2].hexValue
        {
            decoder.take(high << 4 | low, into: &output)
            position += 3
        } else {
            decoder.take(byte == 0x2B ? 0x20 : byte, into: &output)
            position += 1
        }
    }
    decoder.end(into: &output)
}

/// Appends octets percent-encoded, with U+FFFD for every invalid sequence: the UTF-8 decoder of the Encoding Standard,
/// in which an invalid sequence is the longest prefix of a possible character.
private struct UTF8Replacer {
    private var pending = InlineArray<4, UInt8>(repeating: 0)
    private var count = 0
    private var needed = 0
    /// The valid range of the next continuation octet; narrower after some first octets, to exclude overlong forms and
    /// surrogates.
    private var lower: UInt8 = 0x80
    private var upper: UInt8 = 0xBF

    mutating func take(_ byte: UInt8, into output: inout [UInt8]) {
        if needed > 0 {
            if byte < lower || byte > upper {
                end(into: &output)
                take(byte, into: &output)
                return
            }
            pending[count] = byte
            count += 1
            (lower, upper) = (0x80, 0xBF)
            needed -= 1
            if needed == 0 { flush(into: &output) }
            return
        }
        switch byte {
        case 0..<0x80:
            appendEscaped(byte, into: &output)
            return
        case 0xC2...0xDF: needed = 1
        case 0xE0...0xEF:
            needed = 2
            if byte == 0xE0 { lower = 0xA0 }
            if byte == 0xED { upper = 0x9F }
        case 0xF0...0xF4:
            needed = 3
            if byte == 0xF0 { lower = 0x90 }
            if byte == 0xF4 { upper = 0x8F }
        default:
            output.append(Self.replacement)
            return
        }
        pending[0] = byte
        count = 1
    }

    /// Ends the text: an incomplete character is invalid.
    mutating func end(into output: inout [UInt8]) {
        guard needed > 0 else { return }
        output.append(Self.replacement)
        (count, needed, lower, upper) = (0, 0, 0x80, 0xBF)
    }

    private mutating func flush(into output: inout [UInt8]) {
        for index in 0..<count { appendEscaped(pending[index], into: &output) }
        count = 0
    }

    private static let replacement: StaticString = "%EF%BF%BD"
}

private func appendEscaped(_ byte: UInt8, into output: inout [UInt8]) {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: output.append(byte)
    default:
        output.append(0x25)
        output.append((byte >> 4).capitalHexDigit)
        output.append((byte & 15).capitalHexDigit)
    }
}
