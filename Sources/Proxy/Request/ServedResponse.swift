// What a request was answered with, as headers, logs and counters tell it.

import HTTPCaching
import HTTPSemantics
import HTTPWire

/// Written by the steps that respond.
struct ServedResponse {
    var verdict = CacheVerdict.none
    var outcome = Outcome.own
    var status = 0
    /// Why the origin was asked, and what it said where the client gets something else; for `Cache-Status`.
    var forward: CacheStatus.Forward?
    var forwardStatus: Status?
    /// Whether the response is another request's too; nil where that was not tried.
    var isCollapsed: Bool?
    /// Why it is not, where that is worth telling.
    var aloneReason: Reason?
    /// The response is on its way into a store.
    var isStored = false
    /// Why it is not stored, where it might have been.
    var notStoredReason: Reason?
    /// What was wrong with the bytes of one side.
    var wireFault: WireError?

    mutating func reset() { self = ServedResponse() }

    /// The member of `Cache-Status` for a response that was fetched (RFC 9211).
    /// - Parameter reason: why it was not answered from the store.
    func forwardedStatus(because reason: Reason?) -> CacheStatus {
        var member = CacheStatus(.forwarded(forward ?? .miss))
        member.isStored = isStored
        member.isCollapsed = isCollapsed
        member.forwardStatus = forwardStatus
        // That nothing was stored is what `fwd` says already.
        switch reason {
        case .notStored, .variantNotStored: member.detail = notStoredReason ?? aloneReason
        default: member.detail = notStoredReason ?? reason
        }
        return member
    }
}
