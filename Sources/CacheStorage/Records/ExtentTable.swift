// The table at the start of a partial record's body; `PartialResponse` shows the layout. Records may come from other
// processes, so every number is validated.

import HTTPCaching

struct ExtentTable {
    let extents: ExtentList
    let completeLength: Int64?

    private static let magic: UInt64 = 0x5844_524C
    private static let version: UInt64 = 1
    private static let fixedCount = 16
    private static let extentCount = 16

    init(extents: ExtentList, completeLength: Int64?) {
        self.extents = extents
        self.completeLength = completeLength
    }

    /// The size of a table of `count` extents.
    static func byteCount(of count: Int) -> Int { fixedCount + count * extentCount }

    /// Reads the table of a partial record's body; nil unless it is valid and matches the length of the rest of the
    /// body.
    init?(reading body: Span<UInt8>) {
        guard body.count >= Self.fixedCount else { return nil }
        let first = Self.word(body, 0)
        let count = Int(first >> 48)
        guard first & 0xFFFF_FFFF_FFFF == Self.magic | Self.version << 32,
            (1...ExtentList.greatestCount).contains(count),
            body.count >= Self.byteCount(of: count)
        else { return nil }
        var ranges: [Range<Int64>] = []
        ranges.reserveCapacity(count)
        for index in 0..<count {
            let offset = Self.byteCount(of: index)
            let lower = Int64(bitPattern: Self.word(body, offset))
            let upper = Int64(bitPattern: Self.word(body, offset + 8))
            guard lower >= 0, lower < upper else { return nil }
            ranges.append(lower..<upper)
        }
        let length = Self.word(body, 8)
        if length == .max {
            completeLength = nil
        } else {
            guard let known = Int64(exactly: length), ranges[count - 1].upperBound <= known else { return nil }
            completeLength = known
        }
        // Disjoint ranges of offsets sum to less than 2^63.
        guard let extents = ExtentList(sorted: ranges),
            extents.byteCount == Int64(body.count - Self.byteCount(of: count))
        else { return nil }
        self.extents = extents
    }

    /// The table's own bytes.
    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.byteCount(of: extents.extents.count))
        Self.put(Self.magic | Self.version << 32 | UInt64(extents.extents.count) << 48, &bytes)
        Self.put(completeLength.map { UInt64(bitPattern: $0) } ?? .max, &bytes)
        for extent in extents.extents {
            Self.put(UInt64(bitPattern: extent.lowerBound), &bytes)
            Self.put(UInt64(bitPattern: extent.upperBound), &bytes)
        }
        return bytes
    }

    private static func put(_ word: UInt64, _ bytes: inout [UInt8]) {
        for shift in stride(from: UInt64(0), to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: word >> shift)) }
    }

    private static func word(_ bytes: Span<UInt8>, _ offset: Int) -> UInt64 {
        var word: UInt64 = 0
        for index in 0..<8 { word |= UInt64(bytes[offset + index]) << UInt64(8 * index) }
        return word
    }
}
