// Reads a `Range` field value in the unit bytes (RFC 9110 §14.1.1, §14.1.2) before the length of the content is known.
// A value with an invalid member, or in another unit, is ignored as a whole.

import Bytes

/// One member of a range set.
package enum ByteRangeSpec: Hashable, Sendable {
    /// `first-last`, both inclusive.
    case between(Int64, Int64)
    /// `first-`: from there to the end.
    case from(Int64)
    /// `-count`: the last bytes.
    case suffix(Int64)

    /// The bytes that a member selects, once the length of the content is known.
    package enum Resolved: Equatable, Sendable {
        /// Never empty.
        case part(Range<Int64>)
        case unsatisfiable
        /// A suffix range of empty content: satisfiable (§14.1.2), but not expressible as a `Content-Range`.
        case allOfNothing
    }

    package func resolved(length: Int64) -> Resolved {
        switch self {
        case .between(let first, let last):
            first < length ? .part(first..<(min(last, length - 1) + 1)) : .unsatisfiable
        case .from(let first): first < length ? .part(first..<length) : .unsatisfiable
        case .suffix(0): .unsatisfiable
        case .suffix(let count): length > 0 ? .part(max(0, length - count)..<length) : .allOfNothing
        }
    }

    /// Reads one member without the white space around it.
    init?(member text: Span<UInt8>) {
        guard let dash = text.firstIndex(of: 0x2D, in: text.indices) else { return nil }
        let first = text.extracting(0..<dash)
        let last = text.extracting((dash + 1)..<text.count)
        if first.isEmpty {
            guard let count = Self.position(last) else { return nil }
            self = .suffix(count)
            return
        }
        guard let lower = Self.position(first) else { return nil }
        if last.isEmpty {
            self = .from(lower)
            return
        }
        guard let upper = Self.position(last), upper >= lower else { return nil }
        self = .between(lower, upper)
    }

    /// Digits only; a number that is too large becomes the maximum.
    private static func position(_ digits: Span<UInt8>) -> Int64? {
        guard digits.count > 0 else { return nil }
        var value: Int64 = 0
        for index in digits.indices {
            guard digits[index].isDigit else { return nil }
            let (tenfold, overflow) = value.multipliedReportingOverflow(by: 10)
            value = overflow ? .max : tenfold
            let (sum, isOver) = value.addingReportingOverflow(Int64(digits[index] - 0x30))
            value = isOver ? .max : sum
        }
        return value
    }
}

/// Iterates over the members of a `Range` value.
package struct ByteRangeWalker {
    /// Whether the value has a unit other than bytes, or an invalid member: the field must then be ignored.
    package private(set) var hasFailed = false
    private var position: Int

    package init(_ value: Span<UInt8>) {
        guard let equals = value.firstIndex(of: 0x3D, in: value.indices),
            value.extracting(value.trimming(0..<equals)).isCaseless("bytes")
        else {
            hasFailed = true
            position = value.count
            return
        }
        position = equals + 1
    }

    /// The next member; nil at the end, and at the first that is invalid.
    package mutating func next(in value: Span<UInt8>) -> ByteRangeSpec? {
        while position < value.count {
            let end = value.firstIndex(of: 0x2C, in: position..<value.count) ?? value.count
            let member = value.trimming(position..<end)
            position = end + 1
            if member.isEmpty { continue }
            if let spec = ByteRangeSpec(member: value.extracting(member)) { return spec }
            hasFailed = true
            position = value.count
        }
        return nil
    }
}

/// A `Range` field as a whole, for callers that can serve a single range only.
package enum RangeRequest: Equatable, Sendable {
    /// The field is absent or must be ignored: the request is for the complete content.
    case ignored
    case one(ByteRangeSpec)
    case several

    /// - Parameter value: the value of the one `Range` line of a GET request.
    package init(field value: Span<UInt8>) {
        var walker = ByteRangeWalker(value)
        var first: ByteRangeSpec?
        var count = 0
        while let spec = walker.next(in: value) {
            if first == nil { first = spec }
            count += 1
        }
        guard !walker.hasFailed, let first else {
            self = .ignored
            return
        }
        self = count == 1 ? .one(first) : .several
    }
}
