// The write of one record that has several pieces. It tracks the progress; LargeWrites sends.

import CacheStorage

final class LargeWrite {
    enum Step: BitwiseCopyable { case pieces, renaming }

    let key: CacheKey
    /// All of it is sent on this one, even if another server has the key by then: that is noticed, and the write given up.
    weak var connection: RedisConnection?
    let record: StoredResponse
    let total: Int
    let pieces: Int
    /// The temporary key of the upload: the record's key in braces, so that both are in one slot, `upload:` and a unique
    /// number.
    let uploadKey: [UInt8]
    /// What must stand at the key once the upload is complete; nil for whatever does.
    let fence: StoreFence?
    /// Retained until the write has ended.
    let token: (any StoreWriteHolder)?
    var step = Step.pieces
    var sent = 0
    var confirmed = 0
    /// Replies that are still pending. The upload's key can be removed only after them.
    var pendingReplies = 0
    /// Will not be completed: refused by Redis, or superseded by a later write or removal.
    var isAbandoned = false

    init(
        key: CacheKey, record: StoredResponse, over fence: StoreFence?, uploadKey: [UInt8],
        holding token: (any StoreWriteHolder)?
    ) {
        self.fence = fence
        self.token = token
        self.key = key
        self.record = record
        self.uploadKey = uploadKey
        total = RecordFormat.headerCount + record.lengths.total
        pieces = RecordFormat.pieces(of: total)
    }
}
