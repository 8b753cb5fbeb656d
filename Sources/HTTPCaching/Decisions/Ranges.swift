// Which part of a complete stored response answers a request with `Range` (RFC 9110 §14.2, §13.1.5). A Range that can't be
// read, or has another unit than bytes, is as if it weren't there; so is one whose `If-Range` doesn't hold. Several ranges
// are answered with the whole, as a server may (§14.2).

package enum RangeVerdict: Equatable, Sendable {
    /// 200 with the whole content.
    case whole
    /// 206 with these bytes of the content, never empty.
    case part(Range<Int64>)
    /// 416 with `Content-Range: bytes */length`.
    case unsatisfiable
}

/// - Parameters:
///   - value: the `Range` field value; the caller has made sure that there is one line, and that the method is GET.
///   - length: the length of the complete content.
package func rangeVerdict(_ value: Span<UInt8>, length: Int64) -> RangeVerdict {
    guard let equals = value.firstIndex(of: 0x3D, in: value.indices),
        value.extracting(value.trimming(0..<equals)).isCaseless("bytes")
    else { return .whole }
    var found: RangeVerdict?
    var count = 0
    var start = equals + 1
    while start <= value.count {
        let end = value.firstIndex(of: 0x2C, in: start..<value.count) ?? value.count
        let member = value.trimming(start..<end)
        start = end + 1
        if member.isEmpty { continue }
        guard let verdict = readRange(value.extracting(member), length: length) else { return .whole }
        count += 1
        // One that can be satisfied is enough for the whole set to be.
        if found == nil || found == .unsatisfiable { found = verdict }
    }
    guard count > 1, case .part? = found else { return found ?? .whole }
    return .whole
}

/// `first-last`, `first-` or `-suffix`; nil if it is neither.
private func readRange(_ text: Span<UInt8>, length: Int64) -> RangeVerdict? {
    guard let dash = text.firstIndex(of: 0x2D, in: text.indices) else { return nil }
    let first = text.extracting(0..<dash)
    let last = text.extracting((dash + 1)..<text.count)
    if first.isEmpty {
        guard let suffix = position(last) else { return nil }
        return suffix > 0 && length > 0 ? .part(max(0, length - suffix)..<length) : .unsatisfiable
    }
    guard let lower = position(first) else { return nil }
    var upper = Int64.max
    if !last.isEmpty {
        guard let read = position(last), read >= lower else { return nil }
        upper = read
    }
    return lower < length ? .part(lower..<(min(upper, length - 1) + 1)) : .unsatisfiable
}

/// Digits only; a number that is too large is as large as can be.
private func position(_ digits: Span<UInt8>) -> Int64? {
    guard digits.count > 0 else { return nil }
    var value: Int64 = 0
    for index in digits.indices {
        guard isDigit(digits[index]) else { return nil }
        let (tenfold, overflow) = value.multipliedReportingOverflow(by: 10)
        value = overflow ? .max : tenfold
        let (sum, isOver) = value.addingReportingOverflow(Int64(digits[index] - 0x30))
        value = isOver ? .max : sum
    }
    return value
}

/// Whether `If-Range` holds, so that `Range` counts: the same strong entity-tag, or the very Last-Modified, where that is
/// a strong validator, being a minute or more older than Date (RFC 9110 §8.8.2.2, §13.1.5).
package func ifRangeHolds(
    _ value: Span<UInt8>, storedETag: Span<UInt8>, storedLastModified: Span<UInt8>, stored: StoredFacts
) -> Bool {
    if let tag = EntityTag(field: value) {
        guard let own = EntityTag(field: storedETag) else { return false }
        return tag.isStronglyEqual(to: own, value, storedETag)
    }
    guard let modified = stored.lastModified, stored.date - modified >= 60 else { return false }
    return value.extracting(value.trimming(value.indices))
        .isIdentical(to: storedLastModified.extracting(storedLastModified.trimming(storedLastModified.indices)))
}
