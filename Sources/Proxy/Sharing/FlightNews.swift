// What a flight tells those that follow it: whose answer it brings, how far its body has come, and why there is nothing.

import CacheStorage
import HTTPCaching
import HTTPSemantics
import Origins

/// Whose answer a flight brings.
struct FlightPlace: Sendable {
    /// Where the response goes; another than the flight's key where the resource varies.
    let key: CacheKey
    /// The names by which it varies, nil where it doesn't.
    let marker: StoredResponse?
    /// The body's length, where the origin announced it.
    let length: Int?
}

/// What followers need to answer with: the head as it will be stored, and whose answer it is.
struct FlightHead {
    /// The response without its body, or with it once that is complete.
    let response: StoredResponse
    let place: FlightPlace

    var key: CacheKey { place.key }
    var marker: StoredResponse? { place.marker }
    var length: Int? { place.length }
}

/// Why a flight brings nothing that others may be given.
enum FlightRefusal: Sendable {
    /// The response is for one request only, and the next ones are likely to be too.
    case unshared
    /// It said nothing about the next one: another request may lead.
    case ownReason
    /// The origin answered with a failure that a stale response may stand in for (RFC 5861 §4).
    case originFailure(Status)
}

extension Flight {
    /// What there is to know for a request that waits.
    enum News {
        case none
        case head(FlightHead, isWhole: Bool)
        case refused(FlightRefusal)
        case failed(ExchangeFailure.Cause)
        /// Nothing to wait for any more, since the body can't be kept for those that haven't begun.
        case gone
    }

    /// How far the body has come.
    struct Reach {
        var end: Int
        /// Everything has arrived.
        var isWhole = false
        var isBroken = false
        /// Nothing more comes until everybody has this much.
        var isNarrow = false
        var landed: StoredResponse?
    }
}
