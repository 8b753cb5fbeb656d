// What a fill's feed tells those that read from it: whose response it brings, how far its body has come, and why there is
// nothing.

import CacheStorage
import EventLoop
import HTTPCaching
import HTTPSemantics
import Origins

/// Why a fill ended without a whole response: the exchange's own reason.
typealias FillFailure = ExchangeFailure.Cause

/// Where the response of a fill goes.
struct FillPlace: Sendable {
    /// Its key; another than the feed's where the resource varies.
    let key: CacheKey
    /// The names by which it varies, nil where it doesn't.
    let varyIndex: StoredResponse?
    /// The body's length, where the origin announced it.
    let length: Int?
    /// What the body is of the content, where that is not all of it.
    var part: ContentPart?
}

/// A part of the content of a response (RFC 9110 §14.4).
struct ContentPart: Sendable, Equatable {
    let range: Range<Int64>
    /// Nil where the origin doesn't tell.
    let completeLength: Int64?
    /// What the origin was asked for.
    let asked: ByteRangeSpec?

    var isWhole: Bool { range.lowerBound == 0 && range.upperBound == completeLength }
}

/// What readers need to answer with: the head as it will be stored, and where it belongs.
struct FillHead {
    /// The response without its body, or with it once that is complete.
    let response: StoredResponse
    let place: FillPlace
    /// Bytes of the body that have arrived.
    let arrived: Int

    var key: CacheKey { place.key }
    var varyIndex: StoredResponse? { place.varyIndex }
    var length: Int? { place.length }
    var part: ContentPart? { place.part }
}

/// Why a fill brings nothing that others may be given.
enum FillRefusal: Sendable {
    /// The response is for one request only, and the next ones are likely to be too.
    case hitForMiss
    /// It said nothing about the next one: another request may begin a fill.
    case ownReason
    /// The response is for the client that asked, and what is stored stays: another request may begin a fill. Several of
    /// them in a row say that the key can't be shared.
    case oneClient
    /// Another process has stored something meanwhile: who waits looks whether it is for it.
    case lookAgain
    /// The origin answered with a failure that a stale response may stand in for (RFC 5861 §4).
    case originFailure(Status)
}

extension FillFeed {
    /// What workers tell each other of feeds.
    enum Notice: Sendable {
        /// To a reader's worker: something has changed.
        case moved(FillFeed)
        /// To the fill's worker: nobody reads any more, or everybody has what there is.
        case needsFill(FillFeed)
        /// To a worker whose fill waits for another process's fetch: something has happened to its key.
        case keyChanged(CacheKey)
    }

    /// A worker with readers, which is told of what happens.
    struct Listener: Sendable {
        let worker: Int
        let mailbox: Mailbox<Notice>
        /// It has been told and hasn't looked yet.
        var isTold = false
    }

    /// What there is to know for a request that waits.
    enum News {
        case none
        case head(FillHead, isWhole: Bool)
        case refused(FillRefusal)
        case failed(FillFailure)
        /// Nothing to wait for any more, since the body can't be kept for those that haven't begun.
        case gone
    }

    /// How far the body has come.
    struct Reach {
        var end: Int
        /// Everything has arrived.
        var isWhole = false
        var isBroken = false
        /// It lagged too far behind the others, for whom the origin was read on.
        var isDropped = false
        var completed: StoredResponse?
    }
}
