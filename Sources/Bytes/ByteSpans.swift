// What several modules do with bytes that somebody else owns: compare, trim, search, copy. Everything here looks at ASCII
// alone; nothing but `copied` and `text` allocates. `StaticString` has no safe view: its bytes live as long as the program,
// and every index is checked against their count.

extension StaticString {
    /// The byte at `index` of a literal.
    @inlinable @inline(__always)
    package subscript(octet index: Int) -> UInt8 {
        precondition(index >= 0 && index < utf8CodeUnitCount, "a literal is read within its bounds")
        return unsafe utf8Start[index]
    }
}

extension Span where Element == UInt8 {
    /// Whether the bytes are the same.
    @inlinable
    package func isSame(as other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in indices where self[index] != other[index] { return false }
        return true
    }

    /// Whether two names (of fields, schemes, hosts) are the same, ASCII case aside.
    @inlinable
    package func isSameName(as other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in indices where self[index].lowercased != other[index].lowercased { return false }
        return true
    }

    /// Whether these bytes are the literal, which must be in lower case, ASCII case aside.
    @inlinable @inline(__always)
    package func isCaseless(_ literal: StaticString) -> Bool {
        guard count == literal.utf8CodeUnitCount else { return false }
        for index in indices where self[index].lowercased != literal[octet: index] { return false }
        return true
    }

    /// The range without the spaces and tabs at its ends.
    @inlinable @inline(__always)
    package func trimming(_ range: Range<Int>) -> Range<Int> {
        var lower = range.lowerBound
        var upper = range.upperBound
        while lower < upper, self[lower].isWhitespace { lower += 1 }
        while upper > lower, self[upper - 1].isWhitespace { upper -= 1 }
        return lower..<upper
    }

    /// The first place in `range` where `byte` stands.
    @inlinable
    package func firstIndex(of byte: UInt8, in range: Range<Int>) -> Int? {
        for index in range where self[index] == byte { return index }
        return nil
    }

    /// An array of the same bytes, or of those from `start` on.
    @inlinable
    package func copied(from start: Int = 0) -> [UInt8] {
        var copy: [UInt8] = []
        copy.append(extracting(start...))
        return copy
    }

    /// For messages to people; never on the hit path.
    package func text() -> String { String(decoding: copied(), as: UTF8.self) }
}

extension Array where Element == UInt8 {
    /// Appends all of `bytes`, as one copy.
    @inlinable
    package mutating func append(_ bytes: Span<UInt8>) {
        // The buffer pointer is used within the closure alone.
        unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }

    /// Appends a literal; allocates only where the caller reserved too little.
    @inlinable
    package mutating func append(_ literal: StaticString) {
        // The literal's bytes live as long as the program.
        unsafe append(contentsOf: UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    /// Appends an integer in decimal digits.
    package mutating func append(decimal value: Int64) {
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
