// The weight of a member of a list (RFC 9110 §12.4.2): `;q=` and a number from 0 to 1 with up to three decimals.

import Bytes

package enum Weight {
    /// The weight in thousandths, 1000 if there is none; nil if it isn't valid, or if there are other parameters.
    /// - Parameters:
    ///   - start: where the member's `;` is; its end, if there is none.
    ///   - end: the member's end.
    package static func thousandths(_ value: Span<UInt8>, _ start: Int, _ end: Int) -> Int? {
        if start == end { return 1000 }
        let parameter = value.extracting(ListElements.trimmed(value, start + 1, end))
        guard parameter.count >= 3, parameter[0].lowercased == UInt8(ascii: "q"), parameter[1] == UInt8(ascii: "="),
            parameter.count <= 7, parameter[2] == UInt8(ascii: "0") || parameter[2] == UInt8(ascii: "1")
        else { return nil }
        var weight = Int(parameter[2] - UInt8(ascii: "0")) * 1000
        if parameter.count > 3, parameter[3] != UInt8(ascii: ".") { return nil }
        var unit = 100
        for index in parameter.indices.dropFirst(4) {
            guard parameter[index].isDigit else { return nil }
            weight += Int(parameter[index] - UInt8(ascii: "0")) * unit
            unit /= 10
        }
        return weight <= 1000 ? weight : nil
    }
}
