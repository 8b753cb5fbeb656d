// How far a request has come in a body that is shared with others.

struct ReadingPosition {
    /// Bytes of the body that have gone out to this client.
    var count = 0
    /// In lockstep: the end that was last noted to be reached.
    var caughtUpAt = -1
    /// How many fills of others it has waited for.
    var waits = 0
}
