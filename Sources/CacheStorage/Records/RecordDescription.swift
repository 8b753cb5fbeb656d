// What is told about a record when it is made, beside its bytes. Fixed in size, so that making a record allocates only
// for its bytes.

import HTTPCaching

/// A stretch of a record's head, such as the value of its `ETag` field; empty when the field is absent.
package struct HeadRange: Sendable, BitwiseCopyable, Equatable {
    package var offset: UInt32
    package var count: UInt32

    package init(offset: Int, count: Int) {
        self.offset = UInt32(offset)
        self.count = UInt32(count)
    }

    package static let none = HeadRange(offset: 0, count: 0)

    package var isEmpty: Bool { count == 0 }

    /// Whether the stretch lies within a head of `headCount` bytes. Records that come from outside are checked with
    /// this.
    package func fits(headCount: Int) -> Bool {
        Int(offset) + Int(count) <= headCount
    }
}

/// The fixed-size part of a stored response.
package struct RecordDescription: Sendable {
    /// Distinguishes this record from any other one; a refreshed response gets a new number.
    package var id: UInt64
    package var status: UInt16
    /// When every store may forget the record: freshness is over and so is whatever stale serving and validation may
    /// need it for.
    package var discardAt: WallTime
    package var facts: StoredFacts
    package var etag: HeadRange
    package var lastModified: HeadRange
    /// Whether the head holds a `Content-Length` line. Where it doesn't (the origin sent chunks), whoever delivers the
    /// body adds it.
    package var headHasContentLength: Bool

    package init(
        id: UInt64, status: UInt16, discardAt: WallTime, facts: StoredFacts, etag: HeadRange = .none,
        lastModified: HeadRange = .none, headHasContentLength: Bool = true
    ) {
        self.id = id
        self.status = status
        self.discardAt = discardAt
        self.facts = facts
        self.etag = etag
        self.lastModified = lastModified
        self.headHasContentLength = headHasContentLength
    }
}
