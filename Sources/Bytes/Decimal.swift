// Rows of digits.

@usableFromInline
package enum Decimal {
    /// The number that `digits` spells, or nil if it is empty, holds anything but digits or exceeds 64 bits.
    @inlinable
    package static func value(_ digits: Span<UInt8>) -> UInt64? {
        guard !digits.isEmpty else { return nil }
        var value: UInt64 = 0
        for index in digits.indices {
            guard digits[index].isDigit else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digits[index] &- 0x30))
            if overflow || carry { return nil }
            value = sum
        }
        return value
    }
}
