// The life of the connection on which Redis tells of changed keys (`CLIENT TRACKING`, RESP2): what was sent, what has come, and
// what to do next. A value without I/O: times go in as arguments.
//
// One connection subscribes to the messages and is their target. It first asks for its own number, then turns tracking on and
// subscribes; the reply to a PING that was sent after both proves that whatever happens from then on is told. PINGs go on: each
// reply comes in order between the messages, so that it proves that everything before it was heard.

/// What comes on the tracking connection, in the order in which Redis sends it.
enum TrackerMessage: Equatable {
    /// A status, as of AUTH, SELECT and CLIENT TRACKING.
    case status
    case error(RedisErrorKind)
    /// Of CLIENT ID.
    case number(Int)
    case subscribed
    /// With what the PING had.
    case pong(Int64?)
    /// Keys that were changed or removed; nil for all that there are.
    case changed([[UInt8]]?)
    /// Anything else.
    case malformed
}

struct TrackerState {
    enum Phase: Equatable {
        /// Nothing is under way; the next attempt begins at this time.
        case waiting(until: Int64)
        /// The connection is being made.
        case connecting
        /// Replies to the greeting and to CLIENT ID are awaited.
        case greeting
        /// Tracking was turned on, and PING follows.
        case arming
        case hearing
    }

    /// What is to be done.
    enum Step: Equatable {
        case none
        case connect
        /// Send what makes the connection's number known: AUTH, SELECT, CLIENT ID.
        case greet
        /// Turn tracking on for this connection, subscribe, and send a PING.
        case arm(connection: Int)
        /// Send a PING that has the present time.
        case ping
        /// The PING that was sent then has shown that everything is heard from now on.
        case beginSession(asked: Int64)
        case noteLife(asked: Int64)
        case forget([[UInt8]])
        /// Anything may have changed: another session begins.
        case forgetAll
        /// Close the connection. It is made again after a pause.
        case lose
        /// Close it: Redis refuses to tell. It is asked again much later.
        case refused(RedisErrorKind)
    }

    private(set) var phase = Phase.waiting(until: 0)
    /// Attempts since the last session.
    private var attempts = 0
    /// Replies that are still to come before CLIENT ID's.
    private var awaited = 0
    private var lastPing: Int64 = 0
    private var lastLife: Int64 = 0
    private var phaseBegan: Int64 = 0
    private var jitter: Jitter

    /// How old the newest sign of life may be while copies are used.
    let grace: Int64
    let timeout: Int64
    /// A connection that says nothing for longer is given up.
    private var longestSilence: Int64 { grace + 1000 }
    /// How often a sign of life is asked for.
    var interval: Int64 { max(grace / 4, 5) }

    private static let shortestPause: Int64 = 50
    private static let longestPause: Int64 = 5000
    static let refusalPause: Int64 = 60_000

    /// - Parameters:
    ///   - grace: milliseconds; more than 0.
    ///   - timeout: of connecting, and of the replies before the session, in milliseconds.
    ///   - seed: of the pauses' jitter.
    init(grace: Int64, timeout: Int64, seed: UInt64) {
        self.grace = grace
        self.timeout = timeout
        jitter = Jitter(seed: seed)
    }

    /// When ``timePassed(now:)`` is to be called at the latest.
    func nextTime(now: Int64) -> Int64 {
        switch phase {
        case .waiting(let until): until
        case .connecting, .greeting, .arming: phaseBegan + timeout
        case .hearing: lastPing + interval
        }
    }

    mutating func timePassed(now: Int64) -> Step {
        switch phase {
        case .waiting(let until):
            guard until <= now else { return .none }
            enter(.connecting, now)
            return .connect
        case .connecting, .greeting, .arming: return phaseBegan + timeout <= now ? lose(now) : .none
        case .hearing:
            if lastLife + longestSilence <= now { return lose(now) }
            guard lastPing + interval <= now else { return .none }
            lastPing = now
            return .ping
        }
    }

    /// - Parameter replies: how many statuses come before the connection's number.
    mutating func connected(replies: Int, now: Int64) -> Step {
        awaited = replies
        enter(.greeting, now)
        return .greet
    }

    mutating func received(_ message: TrackerMessage, now: Int64) -> Step {
        switch (phase, message) {
        case (.greeting, .status) where awaited > 0:
            awaited -= 1
            return .none
        case (.greeting, .number(let connection)) where awaited == 0:
            enter(.arming, now)
            lastPing = now
            return .arm(connection: connection)
        // Messages may come before the subscription's own reply. Nothing is kept yet that they could name.
        case (.arming, .status), (.arming, .subscribed), (.arming, .changed): return .none
        case (.arming, .pong(let asked?)):
            enter(.hearing, now)
            (attempts, lastLife) = (0, asked)
            return .beginSession(asked: asked)
        case (.hearing, .pong(let asked?)):
            lastLife = max(lastLife, asked)
            return .noteLife(asked: asked)
        case (.hearing, .changed(let keys?)): return .forget(keys)
        case (.hearing, .changed(nil)): return .forgetAll
        case (.greeting, .error(let kind)), (.arming, .error(let kind)): return refuse(kind, now)
        default: return lose(now)
        }
    }

    /// Connecting has failed, or the connection has ended.
    mutating func lose(_ now: Int64) -> Step {
        let pause = min(Self.shortestPause << Int64(min(attempts, 10)), Self.longestPause)
        attempts += 1
        phase = .waiting(until: now + pause / 2 + Int64(jitter.next() % UInt64(pause / 2 + 1)))
        return .lose
    }

    /// An error of this connection's own commands. One that may pass is a reason to try again soon.
    private mutating func refuse(_ kind: RedisErrorKind, _ now: Int64) -> Step {
        if kind.mayPass { return lose(now) }
        phase = .waiting(until: now + Self.refusalPause)
        return .refused(kind)
    }

    private mutating func enter(_ next: Phase, _ now: Int64) {
        phase = next
        phaseBegan = now
    }
}
