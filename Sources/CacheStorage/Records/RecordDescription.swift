// The metadata of a record. Fixed in size, so that creating a record allocates only for its bytes.

import HTTPCaching

/// A range of a record's head, such as the value of its `ETag` field; empty if the field is absent.
package struct HeadRange: Sendable, BitwiseCopyable, Equatable {
    package var offset: UInt32
    package var count: UInt32

    package init(offset: Int, count: Int) {
        self.offset = UInt32(offset)
        self.count = UInt32(count)
    }

    package static let none = HeadRange(offset: 0, count: 0)

    package var isEmpty: Bool { count == 0 }

    /// Whether the range lies within a head of `headCount` bytes. Used to validate records from other processes.
    package func fits(headCount: Int) -> Bool {
        Int(offset) + Int(count) <= headCount
    }
}

/// The fixed-size part of a stored response.
package struct RecordDescription: Sendable, Equatable {
    /// Distinguishes this record from any other; a freshened response gets a new number.
    package var id: UInt64
    package var status: UInt16
    /// When every store may discard the record: it is stale, and the time for serving it stale or validating it is
    /// over.
    package var discardAt: WallTime
    package var facts: StoredFacts
    package var etag: HeadRange
    package var lastModified: HeadRange
    /// Whether the head holds a `Content-Length` line. If not (the origin used chunked coding), it is added when the
    /// response is served.
    package var headHasContentLength: Bool
    /// Up to where the instance that fetched the record had applied all purges when the fetch began: later ones apply to
    /// the record.
    package var fence: PurgePosition
    /// The MD5 of the URL that the record was fetched for, whatever its key is made of; all zero where it isn't known.
    package var url: CacheKey

    package init(
        id: UInt64, status: UInt16, discardAt: WallTime, facts: StoredFacts, etag: HeadRange = .none,
        lastModified: HeadRange = .none, headHasContentLength: Bool = true, fence: PurgePosition = .start,
        url: CacheKey = .none
    ) {
        self.id = id
        self.status = status
        self.discardAt = discardAt
        self.facts = facts
        self.etag = etag
        self.lastModified = lastModified
        self.headHasContentLength = headHasContentLength
        self.fence = fence
        self.url = url
    }
}
