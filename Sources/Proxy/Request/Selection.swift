// What the store had for a request, and what it is good for: written by the look-up and the decision, read by whatever
// follows from them.

import CacheStorage
import EventLoop
import HTTPCaching
import HTTPWire

/// The key of a request and what was found by it.
struct Selection {
    var keys = KeySelection()
    /// What is stored for the request; nil where nothing is, or nothing that may be used.
    var stored: StoredResponse?
    /// By which of the vary index's lists it was found.
    var storedList = 0
    /// Why the request is answered as it is; nil for a plain HIT.
    var reason: Reason?
    /// When what is stored may be used though it is stale.
    var fallback: StaleFallback = []
    /// What is stored is validated by the origin.
    var isValidating = false
    /// Parts of the response are stored, or asked for.
    var partial: PartialFetch?
    /// What a 304 of the origin's brought, and a 304 to this client doesn't take from the stored head.
    var linesBeyond304: [UInt8] = []
    /// It was found in memory although it isn't used any more, as the remote store is down.
    var isKept = false
    /// When a slow store was asked, and what it had at the key, where that isn't what is stored.
    var asked = MonotonicTime(milliseconds: .max)
    var sight = StoreSight.unknown
    /// How much had been heard of the store's changes when it was asked.
    var heard = HearingMark.deaf

    mutating func reset() {
        keys.reset()
        stored = nil
        storedList = 0
        reason = nil
        fallback = StaleFallback(rawValue: 0)
        isValidating = false
        partial = nil
        isKept = false
        if !linesBeyond304.isEmpty { linesBeyond304 = [] }
        asked = MonotonicTime(milliseconds: .max)
        sight = .unknown
        heard = .deaf
    }
}

/// A fetch that has to do with parts (RFC 9111 §3.3, §3.4).
struct PartialFetch {
    /// What is stored of the response already.
    var known: PartialResponse?
    /// What of it is asked for, on the condition that it is still the same response (RFC 9110 §13.1.5).
    var missing: Range<Int64>?
    /// With that, what answers the request; nil is the whole.
    var toAnswer: Range<Int64>?
    /// What the response brings: the bytes, and the length of the whole where it tells.
    var range: Range<Int64>?
    var completeLength: Int64?

    /// Whether what is missing is wanted by all: with it all of the response is there.
    var completes: Bool {
        guard missing != nil, let toAnswer, let length = known?.completeLength else { return false }
        return toAnswer == 0..<length
    }
}
