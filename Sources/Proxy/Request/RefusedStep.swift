// Requests that never became one, and time-outs on the client's side: answered where an answer still makes sense.

import HTTPWire

extension Transaction {
    /// The bytes on the connection are no request; what follows them can't be told, so it ends with the refusal.
    func beginMalformed(client: Client, _ error: WireError) {
        self.client = client
        began = worker.loop.now
        worker.counters.requests += 1
        head.reset()
        isDetached = true
        wireFault = error
        _ = refuse(.malformed)
    }

    /// The head didn't arrive in time.
    func beginTimedOut(client: Client) {
        self.client = client
        began = worker.loop.now
        worker.counters.requests += 1
        head.reset()
        isDetached = true
        _ = refuse(.headTimeout)
    }

    /// There is no room for this client. Not counted as a request.
    func beginTurnedAway(client: Client) {
        self.client = client
        began = worker.loop.now
        isDetached = true
        output.closes = true
        _ = refuse(.tooManyClients)
    }

    /// The client neither sent its content nor took its answer in time.
    func clientDeadlinePassed() {
        guard let client else { return }
        if isTunnel && status == 101 { return endTunnel() }
        if part == .waiting { return waitTimedOut() }
        if output.isBlocked {
            outcome = .clientStalled
            return cutShort(.clientStalled)
        }
        guard !content.isComplete else { return client.awaitNothing() }
        endFetch()
        if output.hasBegun { return cutShort(.bodyTimeout) }
        _ = refuse(.bodyTimeout)
    }
}
