// Operations that several modules need on borrowed bytes: compare, trim, search, copy. Only ASCII is interpreted, and
// only `copied` and `text` allocate. `StaticString` has no safe view: its bytes live as long as the program, and every
// index is checked against their count.

extension StaticString {
    /// The byte at `index` of a literal.
    @inlinable @inline(__always)
    package subscript(octet index: Int) -> UInt8 {
        precondition(index >= 0 && index < utf8CodeUnitCount, "index out of the literal's bounds")
        return unsafe utf8Start[index]
    }
}

extension Span where Element == UInt8 {
    /// Whether both spans hold the same bytes.
    @inlinable
    package func isSame(as other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in indices where self[index] != other[index] { return false }
        return true
    }

    /// Whether two names (of fields, schemes, hosts) are equal, ignoring ASCII case.
    @inlinable
    package func isSameName(as other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in indices where self[index].lowercased != other[index].lowercased { return false }
        return true
    }

    /// Whether these bytes equal `literal`, which must be in lower case, ignoring ASCII case.
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

    /// The index of the first `byte` in `range`.
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

    /// The bytes as UTF-8 text, for messages to people. It allocates: never call it on the hit path.
    package func text() -> String { String(decoding: copied(), as: UTF8.self) }
}

extension Array where Element == UInt8 {
    /// Appends all of `bytes`, as one copy.
    @inlinable
    package mutating func append(_ bytes: Span<UInt8>) {
        // The buffer pointer is used within the closure alone.
        unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }

    /// Appends a literal; allocates only if the caller reserved too little.
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
