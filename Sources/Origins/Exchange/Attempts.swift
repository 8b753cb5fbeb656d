// The attempts that one request may take: whether it may be sent again once its connection has ended, on which connection, and what
// the earlier ones may have done (RFC 9110 §9.2.2, RFC 9113 §8.7).

/// Belongs to an ``ExchangeState``, which knows how far the present attempt has come.
struct Attempts: BitwiseCopyable {
    private var retriesLeft: Int
    private var hasSentUnprocessedAgain = false
    private var mayBeGivenBack = false
    /// Nobody waits for the response: there is no attempt after this one.
    var isLast = false
    /// Whether this attempt's connection has carried a response before.
    private(set) var isConnectionReused = false
    /// Whether an idle connection may be used: not after one turned out to be stale, since the others are probably stale too.
    private(set) var mayUseIdleConnection = true
    /// Whether a server may have carried out the request, of which it got the whole, in an attempt that had no response.
    private(set) var mayBeCarriedOut = false

    init(retries: Int = 0) { retriesLeft = retries }

    /// A connection is being opened for the next one.
    mutating func connecting() { mayBeGivenBack = true }

    /// It has a connection.
    /// - Parameter mayBeGivenBack: whether the server can say of a request that it has done nothing with it.
    mutating func connected(isReused: Bool, mayBeGivenBack: Bool) {
        isConnectionReused = isReused
        self.mayBeGivenBack = mayBeGivenBack
    }

    // MARK: Another one

    /// Whether an idempotent request whose connection has broken may have another one. A connection that has served before may have
    /// been closed before the request came: that costs no retry, once.
    var mayRepeat: Bool { !isLast && (retriesLeft > 0 || isConnectionReused && mayUseIdleConnection) }

    /// - Parameter mayBeCarriedOut: by this attempt's server.
    mutating func repeats(mayBeCarriedOut: Bool) {
        retriesLeft = max(0, retriesLeft - 1)
        mayUseIdleConnection = false
        if mayBeCarriedOut { noteCarriedOut() }
    }

    /// Whether a request that the server has done nothing with, whatever its method, may have another one: once for nothing, as that
    /// is how servers close connections.
    var maySendUnprocessedAgain: Bool { mayBeGivenBack && !isLast && (retriesLeft > 0 || !hasSentUnprocessedAgain) }

    mutating func sendsUnprocessedAgain() {
        if hasSentUnprocessedAgain { retriesLeft -= 1 }
        hasSentUnprocessedAgain = true
    }

    /// A server may have carried out the request.
    mutating func noteCarriedOut() { mayBeCarriedOut = true }
}
