// How far a request has come in a body that is shared with others.

struct ReadingPosition {
    /// How far in the body this client has come.
    var count = 0
    /// Where in the body its part ends; nil where that is the body's own end.
    var end: Int?
    /// It waits for the bytes that it asks for, for a shorter time than for the head.
    var isWaitingForPart = false
    /// It waited for them for as long as that, and asks for them itself.
    var isBehind = false
    /// How many fills of others it has waited for.
    var waits = 0
    /// It has waited for one for as long as it may.
    var isPastWaiting = false
}
