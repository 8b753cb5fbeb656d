// The `Content-Range` field (RFC 9110 §14.4), parsed strictly: a value that is invalid, or in a unit other than bytes,
// must never be combined with stored content, so it parses as nil.

import Bytes

package enum ContentRange: Equatable, Sendable {
    /// `bytes a-b/N` or `bytes a-b/*`; the range is half open and never empty.
    case part(Range<Int64>, completeLength: Int64?)
    /// `bytes */N`, in a 416.
    case unsatisfied(completeLength: Int64)

    /// - Parameter value: the value of the message's one `Content-Range` line.
    package init?(field value: Span<UInt8>) {
        let text = value.extracting(value.trimming(value.indices))
        guard text.count > 6, text.extracting(0..<5).isCaseless("bytes"), text[5] == 0x20,
            let slash = text.firstIndex(of: 0x2F, in: 6..<text.count)
        else { return nil }
        let length = text.extracting((slash + 1)..<text.count)
        var completeLength: Int64?
        if !Self.isAsterisk(length) {
            guard let read = Self.number(length) else { return nil }
            completeLength = read
        }
        if Self.isAsterisk(text.extracting(6..<slash)) {
            guard let completeLength else { return nil }
            self = .unsatisfied(completeLength: completeLength)
            return
        }
        guard let dash = text.firstIndex(of: 0x2D, in: 6..<slash),
            let first = Self.number(text.extracting(6..<dash)),
            let last = Self.number(text.extracting((dash + 1)..<slash)), last >= first, last < completeLength ?? .max
        else { return nil }
        self = .part(first..<(last + 1), completeLength: completeLength)
    }

    /// Appends the field's value.
    package func append(to output: inout [UInt8]) {
        output.append("bytes ")
        let length: Int64?
        switch self {
        case .part(let range, let completeLength):
            output.append(decimal: range.lowerBound)
            output.append(0x2D)
            output.append(decimal: range.upperBound - 1)
            length = completeLength
        case .unsatisfied(let completeLength):
            output.append(0x2A)
            length = completeLength
        }
        output.append(0x2F)
        if let length { output.append(decimal: length) } else { output.append(0x2A) }
    }

    private static func isAsterisk(_ text: Span<UInt8>) -> Bool { text.count == 1 && text[0] == 0x2A }

    /// Digits only; nil for 2^63 and above.
    private static func number(_ digits: Span<UInt8>) -> Int64? { Decimal.value(digits).flatMap { Int64(exactly: $0) } }
}
