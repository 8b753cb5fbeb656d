// One record of several pieces on its way to Redis. It remembers how far that has got; LargeWrites sends.

import CacheStorage

final class LargeWrite {
    enum Step: BitwiseCopyable { case pieces, renaming }

    let key: CacheKey
    let record: StoredResponse
    let total: Int
    let pieces: Int
    /// The key that the pieces are collected at: prefix, `upload:` and a number of its own.
    let uploadKey: [UInt8]
    /// Held until the write has ended.
    private let token: AnyObject?
    var step = Step.pieces
    var sent = 0
    var confirmed = 0
    /// Replies that are still to come before the upload's key can be removed.
    var inFlight = 0
    /// Not to be finished: refused by Redis, or made out of date by a later write or removal.
    var isAbandoned = false

    init(key: CacheKey, record: StoredResponse, uploadKey: [UInt8], holding token: AnyObject?) {
        self.token = token
        self.key = key
        self.record = record
        self.uploadKey = uploadKey
        total = RecordFormat.headerCount + record.lengths.total
        pieces = RecordFormat.pieces(of: total)
    }
}
