// The few byte operations that every reader in this module needs: comparing with a literal, trimming optional white
// space, joining. Nothing here allocates, and this is the module's only file with unsafe expressions: a `StaticString`
// literal has no safe view, its bytes live as long as the program, and every index is checked against its count.

extension StaticString {
    @inline(__always)
    subscript(octet index: Int) -> UInt8 {
        precondition(index >= 0 && index < utf8CodeUnitCount, "a literal is read within its bounds")
        return unsafe utf8Start[index]
    }
}

@inline(__always)
func lowercased(_ byte: UInt8) -> UInt8 {
    byte &- 0x41 < 26 ? byte | 0x20 : byte
}

@inline(__always)
func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

@inline(__always)
func isOptionalWhitespace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

extension Span<UInt8> {
    /// Whether these bytes are the literal (given in lowercase), ASCII case aside.
    @inline(__always)
    func isCaseless(_ literal: StaticString) -> Bool {
        guard count == literal.utf8CodeUnitCount else { return false }
        for index in indices where lowercased(self[index]) != literal[octet: index] { return false }
        return true
    }

    /// Whether these bytes are the other ones, ASCII case aside.
    func isCaseless(_ other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in indices where lowercased(self[index]) != lowercased(other[index]) { return false }
        return true
    }

    func isIdentical(to other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in indices where self[index] != other[index] { return false }
        return true
    }

    /// The range without the spaces and tabs at its ends.
    @inline(__always)
    func trimming(_ range: Range<Int>) -> Range<Int> {
        var lower = range.lowerBound
        var upper = range.upperBound
        while lower < upper, isOptionalWhitespace(self[lower]) { lower += 1 }
        while upper > lower, isOptionalWhitespace(self[upper - 1]) { upper -= 1 }
        return lower..<upper
    }

    func firstIndex(of byte: UInt8, in range: Range<Int>) -> Int? {
        for index in range where self[index] == byte { return index }
        return nil
    }
}

extension [UInt8] {
    /// Appends a literal; allocates only when the caller reserved too little.
    mutating func append(_ literal: StaticString) {
        // The literal's bytes live as long as the program.
        unsafe append(contentsOf: UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    mutating func append(_ bytes: Span<UInt8>) {
        // The pointer doesn't outlive the call.
        unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }

    /// Appends an integer in decimal digits.
    mutating func append(decimal value: Int64) {
        if value < 0 { append(0x2D) }
        let magnitude = value.magnitude
        var divisor: UInt64 = 1
        while magnitude / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            append(0x30 + UInt8(magnitude / divisor % 10))
            divisor /= 10
        }
    }
}
