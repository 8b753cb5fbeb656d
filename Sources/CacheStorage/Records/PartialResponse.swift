// Parts of an incomplete response (RFC 9111 §3.3, §3.4): a record of kind `.partial`, whose body describes which bytes
// it holds, so that every store handles it like any other. Its head is that of the 200 that it will become, without
// Content-Length and Content-Range. `combineVerdict` decides whether parts belong together.
//
//   offset  bytes                            all numbers little-endian
//        0  4      magic "LRDX"
//        4  2 + 2  version, count of the extents
//        8  8      length of the complete content, all ones where it isn't known
//       16  16 × n first offset and end of each extent, in order
//      ...         the extents' bytes, in that order

import Glibc
import HTTPCaching
import HTTPSemantics

/// A view of a partial record, which it retains.
package struct PartialResponse {
    package let record: StoredResponse
    /// Which bytes of the content are stored.
    package let extents: ExtentList
    /// Nil while no part has declared it.
    package let completeLength: Int64?

    /// Nil for a record of another kind, and for one with a damaged body, which counts as missing.
    package init?(_ record: StoredResponse) {
        guard record.isPartial, let table = ExtentTable(reading: record.body) else { return nil }
        self.record = record
        extents = table.extents
        completeLength = table.completeLength
    }

    /// What it is good for, if it is fresh.
    /// - Parameter range: as the request asks; `ignored` where its `If-Range` doesn't hold.
    package func reuse(for range: RangeRequest) -> PartialReuseVerdict {
        partialReuse(
            range, extents: extents, completeLength: completeLength,
            mayBeJoined: record.facts.flags.contains(.strongETag))
    }

    /// The position in the record's body of a range of the content; nil unless all of it is stored. A stored range is
    /// always contiguous, since adjacent extents are merged.
    package func place(of range: Range<Int64>) -> Range<Int>? {
        var start = ExtentTable.byteCount(of: extents.extents.count)
        for extent in extents.extents {
            if extent.lowerBound <= range.lowerBound, range.upperBound <= extent.upperBound {
                let lower = start + Int(range.lowerBound - extent.lowerBound)
                return lower..<(lower + range.count)
            }
            start += extent.count
        }
        return nil
    }

    /// The bytes of a range of the content; nil unless all of it is stored.
    @_lifetime(borrow self)
    package borrowing func bytes(of range: Range<Int64>) -> Span<UInt8>? {
        guard let place = place(of: range) else { return nil }
        return record.body.extracting(place)
    }

    /// This record with one more part, which replaces what it overlaps. If that completes the content, the result is an
    /// ordinary 200.
    ///
    /// - Parameters:
    ///   - range, bytes: the new part. The caller has updated the stored fields with its own: `head`, `description` and
    ///     what says the key are those of the result.
    ///   - completeLength: the complete length according to the new part's `Content-Range`.
    ///   - objectLimit: maximum number of content bytes in a record.
    /// - Returns: nil if that is exceeded, if the part contradicts itself or the stored parts, or if memory can't be
    ///   allocated.
    package func adding(
        _ range: Range<Int64>, bytes: Span<UInt8>, completeLength: Int64?, description: RecordDescription,
        keyText: Span<UInt8>, varyNames: Span<UInt8>, head: Span<UInt8>, objectLimit: Int
    ) -> StoredResponse? {
        if let known = self.completeLength, let completeLength, known != completeLength { return nil }
        return StoredResponse.partial(
            description, keyText: keyText, varyNames: varyNames, head: head, range: range, bytes: bytes,
            completeLength: completeLength ?? self.completeLength, objectLimit: objectLimit, joining: self,
            budget: record.ownBudget)
    }
}

extension StoredResponse {
    /// A record of the first part of a response; an ordinary 200 if the part is complete.
    ///
    /// - Parameters:
    ///   - head: the head of the 200 that this is a part of, without Content-Length and Content-Range.
    ///   - range: the position of `bytes` in the content.
    ///   - objectLimit: maximum number of content bytes in a record.
    /// - Returns: nil if that is exceeded, if the numbers contradict each other, or if memory can't be allocated.
    package static func partial(
        _ description: RecordDescription, keyText: Span<UInt8>, varyNames: Span<UInt8>, head: Span<UInt8>,
        range: Range<Int64>, bytes: Span<UInt8>, completeLength: Int64?, objectLimit: Int
    ) -> StoredResponse? {
        partial(
            description, keyText: keyText, varyNames: varyNames, head: head, range: range, bytes: bytes,
            completeLength: completeLength, objectLimit: objectLimit, joining: nil, budget: nil)
    }

    /// Converts this record, whose body is the content of a 206, into a partial record with the part `range`.
    package func asPart(_ range: Range<Int64>, completeLength: Int64?, objectLimit: Int) -> StoredResponse? {
        Self.partial(
            description, keyText: keyText, varyNames: varyNames, head: head, range: range, bytes: body,
            completeLength: completeLength, objectLimit: objectLimit, joining: nil, budget: ownBudget)
    }

    fileprivate static func partial(
        _ description: RecordDescription, keyText: Span<UInt8>, varyNames: Span<UInt8>, head: Span<UInt8>,
        range: Range<Int64>, bytes: Span<UInt8>, completeLength: Int64?, objectLimit: Int,
        joining older: PartialResponse?, budget: MemoryBudget?
    ) -> StoredResponse? {
        guard range.lowerBound >= 0, range.count == bytes.count, !range.isEmpty else { return nil }
        var extents = older?.extents ?? ExtentList()
        extents.insert(range)
        guard extents.byteCount <= Int64(objectLimit) else { return nil }
        let table = ExtentTable(extents: extents, completeLength: completeLength)
        guard let last = extents.extents.last, last.upperBound <= completeLength ?? .max else { return nil }
        let isComplete = completeLength.map { extents.contains(0..<$0) } ?? false

        let tableCount = isComplete ? 0 : ExtentTable.byteCount(of: extents.extents.count)
        let bodyCount = tableCount + Int(extents.byteCount)
        let prefixCount = keyText.count + varyNames.count + head.count
        guard let block = unsafe malloc(prefixCount + bodyCount) else { return nil }
        var end = unsafe copy(keyText, to: block)
        unsafe end = copy(varyNames, to: end)
        unsafe end = copy(head, to: end)
        if !isComplete { unsafe end = copy(table.bytes.span, to: end) }
        for extent in extents.extents {
            unsafe end = copyContent(of: extent, new: range, bytes, older: older, to: end)
        }
        precondition(unsafe end == block + prefixCount + bodyCount, "every byte of every extent must have been copied")

        var description = description
        description.headHasContentLength = false
        return unsafe StoredResponse(
            kind: isComplete ? .response : .partial, description: description, adopting: block,
            keyTextCount: keyText.count, varyNamesCount: varyNames.count, headCount: head.count, bodyCount: bodyCount,
            budget: budget)
    }

    /// Copies the bytes of one extent of the result: from the new part where it covers them, otherwise from the older
    /// record.
    @unsafe private static func copyContent(
        of extent: Range<Int64>, new range: Range<Int64>, _ bytes: Span<UInt8>, older: PartialResponse?,
        to destination: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        var end = unsafe destination
        var position = extent.lowerBound
        while position < extent.upperBound {
            if range.contains(position) {
                unsafe end = copy(bytes.extracting(Int(position - range.lowerBound)...), to: end)
                position = range.upperBound
                continue
            }
            guard let older, let source = older.extents.extents.first(where: { $0.contains(position) }) else { break }
            let upper = range.lowerBound > position ? min(source.upperBound, range.lowerBound) : source.upperBound
            guard let place = older.place(of: position..<upper) else { break }
            unsafe end = copy(older.record.body.extracting(place), to: end)
            position = upper
        }
        return unsafe end
    }
}
