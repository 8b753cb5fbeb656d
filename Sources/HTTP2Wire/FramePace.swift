// How many frames that cost more to take than to send an HTTP/2 peer may send (RFC 9113 §10.5): it has an allowance of
// each kind, which grows with time and with what it does that is of use. A value: time is an argument.

import EventLoop

/// What a connection has been sent.
package struct FramePace {
    package enum Kind {
        /// A stream is cancelled, or had to be reset for what the peer sent on it.
        case reset
        /// PING, SETTINGS, PRIORITY, WINDOW_UPDATE, CONTINUATION, DATA without bytes, and what isn't known.
        case control
    }

    /// Resets beyond one for every response.
    package static let resets = Allowance(most: 200, perSecond: 20)
    /// Other frames beyond one for every ``bytesPerFrame`` that the peer has taken.
    package static let control = Allowance(most: 2000, perSecond: 200)

    /// Some peers open two windows for each half KiB that they read.
    package static let bytesPerFrame = 128
    /// Frames such as WINDOW_UPDATE that come with a piece of content, or with a request, however short.
    package static let framesPerPiece = 4

    package struct Allowance {
        package let most: Int64
        package let perSecond: Int64
    }

    /// Thousandths of a frame, so that a millisecond's part isn't lost.
    private struct Purse {
        var thousandths: Int64
        var since = MonotonicTime(milliseconds: 0)

        mutating func spend(_ allowance: Allowance, now: MonotonicTime) -> Bool {
            let earned = min(now.milliseconds(since: since), 1_000_000) * allowance.perSecond
            since = now
            thousandths = min(thousandths + earned, allowance.most * 1000) - 1000
            guard thousandths < 0 else { return true }
            thousandths = 0
            return false
        }

        mutating func earn(_ thousandths: Int64, _ allowance: Allowance) {
            self.thousandths = min(self.thousandths + thousandths, allowance.most * 1000)
        }
    }

    package init() {}

    private var resetPurse = Purse(thousandths: resets.most * 1000)
    private var controlPurse = Purse(thousandths: control.most * 1000)

    /// Whether one more frame of the kind is within the allowance.
    package mutating func takes(_ kind: Kind, now: MonotonicTime) -> Bool {
        switch kind {
        case .reset: resetPurse.spend(Self.resets, now: now)
        case .control: controlPurse.spend(Self.control, now: now)
        }
    }

    /// So many bytes of content went to the peer.
    package mutating func sent(_ bytes: Int) {
        controlPurse.earn(Int64(bytes) * 1000 / Int64(Self.bytesPerFrame), Self.control)
    }

    /// One that came as it was there, and not as the peer's window allowed: whoever opens two windows for it is no flood.
    package mutating func sentPiece(_ bytes: Int) { sent(max(bytes, Self.framesPerPiece * Self.bytesPerFrame)) }
    /// A response was complete.
    package mutating func responded() { resetPurse.earn(1000, Self.resets) }
}
