// The language that an `Accept-Language` prefers to all others (RFC 9110 §12.5.4), if it names one: the range with the
// greatest weight. Two with the same weight leave the choice to the origin, and so does `*`.

import Bytes
import HTTPSemantics

package enum PreferredLanguage {
    /// The language range in the value of a field line; nil if there is no single one, or if the value isn't valid.
    package static func find(in value: Span<UInt8>) -> ByteRange? {
        var best: ByteRange?
        var bestWeight = 0
        var isShared = false
        var elements = ListElements(ByteRange(0, value.count))
        while let element = elements.next(in: value) {
            let end = value.firstIndex(of: UInt8(ascii: ";"), in: element.lower..<element.upper) ?? element.upper
            let range = ListElements.trimmed(value, element.lower, end)
            guard let weight = Weight.thousandths(value, end, element.upper),
                isLanguage(value.extracting(range)) || isAny(value, range)
            else { return nil }
            if weight > bestWeight {
                (best, bestWeight, isShared) = (range, weight, false)
            } else if weight == bestWeight {
                isShared = true
            }
        }
        guard let best, !isShared, !isAny(value, best) else { return nil }
        return best
    }

    /// Whether the value is one language tag and nothing else. A tag begins with a letter (RFC 5646 §2.1).
    package static func isLanguage(_ value: Span<UInt8>) -> Bool {
        guard !value.isEmpty, value[0].isLetter else { return false }
        for index in value.indices
        where !value[index].isLetter && !value[index].isDigit && value[index] != UInt8(ascii: "-") {
            return false
        }
        return true
    }

    private static func isAny(_ value: Span<UInt8>, _ range: ByteRange) -> Bool {
        range.count == 1 && value[range.lower] == UInt8(ascii: "*")
    }
}
