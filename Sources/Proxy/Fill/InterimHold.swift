// A fill's first reader that is behind an interim response (RFC 9110 §15.2). It decides nothing: `Fill+Response` does.

import EventLoop

/// What a fill does while its first reader's client is behind an interim response.
struct InterimHold {
    /// The client is behind, and the head of the final response isn't there.
    var isBehind = false
    /// Others waited for too long: what comes while the client is behind is not for it any more.
    var skips = false
    var timer: LoopTimer?
}
