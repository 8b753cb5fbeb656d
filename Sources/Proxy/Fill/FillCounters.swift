// What a worker's fills count.

/// What fills count, beside what they are counted by in the stores.
struct FillCounters: Sendable {
    var stored = 0
    var storedBytes = 0
    var storeRefused = 0
    /// Requests that were answered from another one's fill.
    var coalesced = 0
    /// Requests that waited for another one's fill as long as they may.
    var waitsTimedOut = 0
    /// Looks at a key where another process's fetch was under way, and fetches that took the place of one that had ended without
    /// a response.
    var claimWaits = 0
    var takeovers = 0
    /// Refreshes in the background, and those that were not begun as too many were under way.
    var refreshes = 0
    var refreshesSkipped = 0
    /// Fills that went on without their first reader.
    var continuedAlone = 0
    /// Fills that ended because nobody read from them any more, for lack of time or as too many were without readers.
    var leftUnfinished = 0
    /// Readers that were dropped because others waited for them.
    var droppedReaders = 0
    /// Responses that were compressed, with the bytes before and after; stored ones that were brought into another coding.
    var compressed = 0
    var compressedFrom = 0
    var compressedTo = 0
    var recoded = 0
    /// Responses that went without, for want of memory.
    var leftUncompressed = 0
    /// Bytes of responses.
    var bytesFromOrigins = 0
}
