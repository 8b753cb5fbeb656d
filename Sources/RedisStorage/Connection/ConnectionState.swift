// The state machine of one connection to Redis, its circuit breaker included: when the server counts as up, what it is
// down for, how long the pauses between attempts are. A value without I/O: events go in, with the present time; what
// the connection has to do comes out.
//
// A command past its deadline trips the breaker at once: Redis runs one command at a time, so whatever waits behind it
// is late too. All who wait are told so, the connection is kept, late replies are read and discarded in order, and a
// PING behind them shows when the server serves again. If that takes long, the connection is closed, and new ones are
// tried with growing pauses.

import CacheStorage

struct ConnectionState {
    /// paused → resolving → connecting → greeting → serving; serving ⇄ probing; each of them → paused when the
    /// connection fails; every one → closed, which is final. No name to resolve: paused → connecting.
    enum Phase: BitwiseCopyable {
        /// Not connected; the timer ends the pause.
        case paused
        case resolving, connecting
        /// Connected; AUTH, SELECT and PING are on their way.
        case greeting
        case serving
        /// Connected, but the server doesn't reply or is loading: a PING is in flight or due, nothing else is sent.
        case probing
        case closed
    }

    /// Durations in milliseconds.
    struct Timing: BitwiseCopyable {
        /// For resolving, and then for connecting and greeting together.
        var connect: Int64
        /// How long the reply to a PING is waited for while probing.
        var hang: Int64
        /// Pauses between attempts grow from the first to the second.
        var shortestPause: Int64
        var longestPause: Int64
    }

    enum Event: BitwiseCopyable {
        /// The connection is wanted; the first event.
        case opened
        case resolving
        case connecting
        case connected
        /// There is no address, or the connection was not made.
        case unreachable(StoreTrouble)
        /// A PING was replied to.
        case pong
        /// The reply to a command of that role is an error. Its receiver has been told.
        case errorReply(RedisErrorKind, PendingCommand.Role)
        /// A write has succeeded.
        case writeTaken
        case commandTimedOut
        /// The connection broke, or what came over it can't be right.
        case lost(StoreTrouble)
        /// The timer that an earlier event asked for. `isIdle`: no reply is awaited. `hasRoom`: a write could be sent.
        case timerFired(isIdle: Bool, hasRoom: Bool)
        case closed
    }

    /// What has to be done after an event, in the order of these properties.
    struct Actions: Equatable, BitwiseCopyable {
        enum Step: BitwiseCopyable { case nothing, connect, greet, ping, testWrites }
        enum Timer: Equatable, BitwiseCopyable {
            case unchanged, cancel
            case schedule(Int64)
        }

        /// Close the socket and forget what was to be sent.
        var disconnects = false
        /// `availability` is another one.
        var changesAvailability = false
        /// Tell all who wait for replies that none will come, for this reason.
        var abandonment: StoreTrouble?
        var step = Step.nothing
        /// After so many milliseconds comes `timerFired`. There is one timer; scheduling it replaces what it was for.
        var timer = Timer.unchanged
    }

    let timing: Timing
    private(set) var phase = Phase.paused
    /// What users of the connection may expect, and since when.
    private(set) var availability: StoreState
    /// Failed attempts since the connection last served.
    private(set) var attempts = 0
    private(set) var connects = 0
    private(set) var connectFailures = 0
    private(set) var disconnects = 0

    /// Milliseconds on the monotonic clock.
    private var servingSince: Int64 = 0
    /// Writes wait until then after Redis refused one; the pause grows while it goes on refusing.
    private var writesResumeAt: Int64 = 0
    private var writePause: Int64 = 0
    private var random: UInt64

    /// - Parameter seed: spreads the pauses of many connections.
    init(timing: Timing, wall: WallTime, seed: UInt64) {
        self.timing = timing
        availability = .down(.connecting, since: wall)
        random = seed | 1
    }

    /// Whether a write may be sent at `now` (monotonic, milliseconds), as far as the server is concerned.
    func takesWrites(at now: Int64) -> Bool { phase == .serving && now >= writesResumeAt }

    /// Why the connection doesn't serve, or serves in part.
    var trouble: StoreTrouble {
        switch availability {
        case .down(let trouble, _), .limited(let trouble, _): trouble
        case .up: .connecting
        }
    }

    /// - Parameter now: monotonic, milliseconds.
    mutating func handle(_ event: Event, now: Int64, wall: WallTime) -> Actions {
        var actions = Actions()
        guard phase != .closed else { return actions }
        let before = availability
        switch event {
        case .opened: actions.step = .connect
        case .resolving:
            phase = .resolving
            actions.timer = .schedule(timing.connect)
        case .connecting:
            phase = .connecting
            actions.timer = .schedule(timing.connect)
        case .connected:
            phase = .greeting
            actions.step = .greet
        case .unreachable(let trouble): pause(after: trouble, isShort: false, wall, &actions)
        case .pong: serve(limitedBy: nil, now, wall, &actions)
        case .errorReply(let kind, let role): judge(kind, role, now, wall, &actions)
        case .writeTaken: noteWriteTaken(wall)
        case .commandTimedOut: probe(.commandTimedOut, pingNow: true, now, wall, &actions)
        case .lost(let trouble): lose(trouble, now, wall, &actions)
        case .timerFired(let isIdle, let hasRoom): timerFired(isIdle, hasRoom, now, wall, &actions)
        case .closed:
            phase = .closed
            setAvailability(.down(.closed, since: wall))
            actions.disconnects = true
            actions.abandonment = .closed
            actions.timer = .cancel
        }
        actions.changesAvailability = availability != before
        return actions
    }
}

extension ConnectionState {
    private mutating func judge(
        _ kind: RedisErrorKind, _ role: PendingCommand.Role, _ now: Int64, _ wall: WallTime, _ actions: inout Actions
    ) {
        switch kind {
        case .wrongPassword, .noAuthentication, .database: lose(kind.trouble, now, wall, &actions)
        case .loading, .masterDown:
            guard phase == .greeting || phase == .serving || role == .ping else { return }
            probe(.loading, pingNow: false, now, wall, &actions)
        case .notPermitted where role == .essential || role == .ping: lose(.notPermitted, now, wall, &actions)
        case .outOfMemory, .readOnly, .notPersisting, .notPermitted:
            if role == .ping {
                serve(limitedBy: kind.trouble, now, wall, &actions)
            } else if phase == .serving {
                limit(kind.trouble, now, wall, &actions)
            }
        case .other:
            if role == .ping { lose(.otherError, now, wall, &actions) }
        }
    }

    /// The server replies: commands go out from now on. With a trouble, only reads are expected to succeed.
    private mutating func serve(
        limitedBy trouble: StoreTrouble?, _ now: Int64, _ wall: WallTime, _ actions: inout Actions
    ) {
        actions.timer = .cancel
        if phase == .greeting { connects += 1 }
        phase = .serving
        servingSince = now
        if let trouble {
            limit(trouble, now, wall, &actions)
        } else {
            writesResumeAt = 0
            writePause = 0
            setAvailability(.up(since: wall))
        }
    }

    /// A write was refused. Reads go on; writes are not sent for a pause, then the next one shows whether they are
    /// taken again.
    private mutating func limit(_ trouble: StoreTrouble, _ now: Int64, _ wall: WallTime, _ actions: inout Actions) {
        setAvailability(.limited(trouble, since: wall))
        // Of several writes that were on their way, the first one's refusal counts.
        guard now >= writesResumeAt else { return }
        writePause = min(max(2 * writePause, 250), timing.longestPause)
        writesResumeAt = now + writePause
        // Where only hits are asked for, nothing would be written that could show when writes are taken again.
        actions.timer = .schedule(writePause + 1)
    }

    private mutating func noteWriteTaken(_ wall: WallTime) {
        guard case .limited = availability, phase == .serving else { return }
        writePause = 0
        writesResumeAt = 0
        setAvailability(.up(since: wall))
    }

    /// The server is there but doesn't serve. PINGs show when it does again.
    private mutating func probe(
        _ trouble: StoreTrouble, pingNow: Bool, _ now: Int64, _ wall: WallTime, _ actions: inout Actions
    ) {
        if hasServedWell(now) { attempts = 0 }
        phase = .probing
        setAvailability(.down(trouble, since: wall))
        actions.abandonment = trouble
        if pingNow { actions.step = .ping }
        actions.timer = .schedule(pingNow ? timing.hang : nextPause())
    }

    private mutating func lose(_ trouble: StoreTrouble, _ now: Int64, _ wall: WallTime, _ actions: inout Actions) {
        if phase == .serving || phase == .probing { disconnects += 1 }
        // A connection that served for a while was closed by an idle time-out or a restart: try again at once.
        let isShort = hasServedWell(now)
        if isShort { attempts = 0 }
        pause(after: trouble, isShort: isShort, wall, &actions)
    }

    /// There is no connection; another one is made after a pause.
    private mutating func pause(
        after trouble: StoreTrouble, isShort: Bool, _ wall: WallTime, _ actions: inout Actions
    ) {
        if phase == .resolving || phase == .connecting || phase == .greeting { connectFailures += 1 }
        phase = .paused
        setAvailability(.down(trouble, since: wall))
        actions.disconnects = true
        actions.abandonment = trouble
        actions.timer = .schedule(isShort ? 1 : nextPause())
    }

    private mutating func timerFired(
        _ isIdle: Bool, _ hasRoom: Bool, _ now: Int64, _ wall: WallTime, _ actions: inout Actions
    ) {
        switch phase {
        case .paused: actions.step = .connect
        case .resolving: pause(after: .nameNotResolved, isShort: false, wall, &actions)
        case .connecting, .greeting: pause(after: .connectTimedOut, isShort: false, wall, &actions)
        case .probing where isIdle:
            // The pause between two PINGs is over.
            actions.step = .ping
            actions.timer = .schedule(timing.hang)
        case .probing: lose(.commandTimedOut, now, wall, &actions)
        case .serving:
            guard case .limited = availability else { return }
            if hasRoom && takesWrites(at: now) {
                actions.step = .testWrites
            } else {
                actions.timer = .schedule(timing.shortestPause)
            }
        case .closed: break
        }
    }

    /// Pauses that grow over failures start anew after a second of service; a server that fails at each first command
    /// doesn't count.
    private func hasServedWell(_ now: Int64) -> Bool { phase == .serving && now - servingSince > 1000 }

    /// Doubles from the shortest to the longest, less or more by up to a quarter, so that many workers don't come back
    /// as one.
    private mutating func nextPause() -> Int64 {
        let doubled = timing.shortestPause << Int64(min(attempts, 16))
        attempts += 1
        // Xorshift: enough to spread pauses.
        random ^= random << 13
        random ^= random >> 7
        random ^= random << 17
        return max(min(doubled, timing.longestPause) * Int64(75 + random % 51) / 100, 1)
    }

    /// One that goes on for another reason keeps the moment at which it began.
    private mutating func setAvailability(_ new: StoreState) {
        switch (availability, new) {
        case (.up, .up): break
        case (.down(_, let since), .down(let trouble, _)): availability = .down(trouble, since: since)
        case (.limited(_, let since), .limited(let trouble, _)): availability = .limited(trouble, since: since)
        default: availability = new
        }
    }
}
