// Unsigned decimal numbers.

@usableFromInline
package enum Decimal {
    /// The value of `digits`, or nil if they are empty, contain anything but digits, or exceed 64 bits.
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
