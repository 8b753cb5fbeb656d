// The state machine of one connection to Redis, its circuit breaker included: when the server counts as up, why it is
// down, how long the pauses between attempts are. A value without I/O: events go in, with the current time; actions for
// the connection come out.
//
// A command that exceeds its deadline opens the breaker at once: Redis runs one command at a time, so all commands
// queued behind it are late too. All waiting commands fail, the connection is kept, late replies are read and discarded
// in order, and a PING queued behind them shows when the server responds again. If that takes too long, the connection
// is closed and new attempts are made with growing pauses.

import CacheStorage

struct ConnectionState {
    /// paused → resolving → connecting → securing → greeting → serving; serving ⇄ probing; each of them → paused when the
    /// connection fails; every one → closed, which is final. Without a name to resolve: paused → connecting; without
    /// TLS: connecting → greeting.
    enum Phase: BitwiseCopyable {
        /// Not connected; the timer starts the next attempt.
        case paused
        case resolving, connecting
        /// Connected; TLS is under way.
        case securing
        /// Connected; AUTH, SELECT and PING have been sent.
        case greeting
        case serving
        /// Connected, but the server doesn't reply or is busy: a PING is pending or due, nothing else is sent.
        case probing
        case closed
    }

    /// Durations in milliseconds.
    struct Timing: BitwiseCopyable {
        /// For resolving, and again for connecting, TLS and the greeting together.
        var connect: Int64
        /// How long to wait for the reply to a PING while probing.
        var hang: Int64
        /// Pauses between attempts grow from this to `longestPause`.
        var shortestPause: Int64
        var longestPause: Int64
    }

    enum Event: BitwiseCopyable {
        /// The connection is to be established; the first event.
        case opened
        case resolving
        case connecting
        case securing
        case connected
        /// There is no address, or connecting failed.
        case unreachable(StoreTrouble)
        /// A PING got its reply.
        case pong
        /// The reply to a command with that role is an error. Its receiver has been called.
        case errorReply(RedisErrorKind, PendingCommand.Role)
        /// A write has succeeded.
        case writeTaken
        case commandTimedOut
        /// The connection was lost, or a reply was malformed.
        case lost(StoreTrouble)
        /// Another server takes the place of this one.
        case moved
        /// The timer that an earlier action scheduled. `isIdle`: no reply is awaited. `hasRoom`: the limits would
        /// permit a write.
        case timerFired(isIdle: Bool, hasRoom: Bool)
        case closed
    }

    /// What the connection must do after an event, in the order of these properties.
    struct Actions: Equatable, BitwiseCopyable {
        enum Step: BitwiseCopyable { case nothing, connect, greet, ping, testWrites }
        enum Timer: Equatable, BitwiseCopyable {
            case unchanged, cancel
            case schedule(Int64)
        }

        /// Close the socket and discard the output.
        var disconnects = false
        /// `availability` has changed.
        var changesAvailability = false
        /// Abandon all waiting commands, for this reason.
        var abandonment: StoreTrouble?
        var step = Step.nothing
        /// Deliver `timerFired` after this many milliseconds. There is only one timer; scheduling it replaces its
        /// previous purpose.
        var timer = Timer.unchanged
    }

    let timing: Timing
    /// Errors that are about one key say nothing about a node of a cluster.
    let isClusterNode: Bool
    private(set) var phase = Phase.paused
    /// The state that users of the connection see, and since when.
    private(set) var availability: StoreState
    /// Failed attempts since the connection was last serving.
    private(set) var attempts = 0
    private(set) var connects = 0
    private(set) var connectFailures = 0
    private(set) var disconnects = 0

    /// Milliseconds on the monotonic clock.
    private var servingSince: Int64 = 0
    /// After Redis refused a write, no writes are sent until then; the pause grows while it keeps refusing.
    private var writesResumeAt: Int64 = 0
    private var writePause: Int64 = 0
    /// Errors of no known kind since a write was accepted.
    private var unknownErrors = 0
    private var jitter: Jitter

    /// So many errors of no known kind show that the store doesn't work, whatever they mean.
    static let unknownErrorLimit = 5
    /// After so many attempts the pause is the longest one.
    private static let manyAttempts = 16

    /// - Parameter seed: randomises the pauses, so that many connections don't retry in step.
    init(timing: Timing, isClusterNode: Bool = false, wall: WallTime, seed: UInt64) {
        self.timing = timing
        self.isClusterNode = isClusterNode
        availability = .down(.connecting, since: wall)
        jitter = Jitter(seed: seed)
    }

    /// Whether the server's state permits a write at `now` (monotonic, milliseconds).
    func takesWrites(at now: Int64) -> Bool { phase == .serving && now >= writesResumeAt }

    /// Why the connection is unavailable, or only partly available.
    var trouble: StoreTrouble {
        switch availability {
        case .down(let trouble, _), .limited(let trouble, _), .partial(let trouble, _): trouble
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
        case .securing: phase = .securing
        case .connected:
            phase = .greeting
            actions.step = .greet
        case .unreachable(let trouble): pause(after: trouble, isShort: false, wall, &actions)
        case .pong: serve(limitedBy: nil, now, wall, &actions)
        case .errorReply(let kind, let role): judge(kind, role, now, wall, &actions)
        case .writeTaken: noteWriteTaken(wall)
        case .commandTimedOut: probe(.commandTimedOut, pingNow: true, now, wall, &actions)
        case .lost(let trouble): lose(trouble, now, wall, &actions)
        case .moved: move(wall, &actions)
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
        case .loading, .masterDown, .busy:
            guard phase != .probing || role == .ping else { return }
            if kind == .busy {
                probe(.busy, pingNow: false, now, wall, &actions)
            } else {
                lose(kind.trouble, now, wall, &actions)
            }
        case .clusterDown where isClusterNode:
            // It serves no keys, mostly since another master is missing; only another command shows when it does again.
            if phase == .serving { probe(.clusterDown, pingNow: false, now, wall, &actions) }
        case .moved, .ask, .tryAgain, .clusterDown:
            guard !isClusterNode else { return }
            let trouble = kind.isRedirection ? StoreTrouble.cluster : .clusterDown
            lose(trouble, isLasting: true, now, wall, &actions)
        case .cluster: lose(.cluster, isLasting: true, now, wall, &actions)
        case .notPermitted where role == .essential || role == .ping: lose(.notPermitted, now, wall, &actions)
        case .outOfMemory, .readOnly, .notPersisting, .noReplicas, .notPermitted:
            if role == .ping {
                serve(limitedBy: kind.trouble, now, wall, &actions)
            } else if phase == .serving {
                limit(kind.trouble, now, wall, &actions)
            }
        case .wrongType: break
        case .other:
            if role == .ping { return lose(.otherError, now, wall, &actions) }
            unknownErrors += 1
            if unknownErrors >= Self.unknownErrorLimit, phase == .serving { limit(.otherError, now, wall, &actions) }
        }
    }

    /// The server responds: commands are sent from now on. With a `trouble`, only reads are expected to succeed.
    private mutating func serve(
        limitedBy trouble: StoreTrouble?, _ now: Int64, _ wall: WallTime, _ actions: inout Actions
    ) {
        actions.timer = .cancel
        let isReplacement = phase == .greeting && isReadOnly
        if phase == .greeting { connects += 1 }
        phase = .serving
        servingSince = now
        unknownErrors = 0
        if let trouble {
            limit(trouble, now, wall, &actions)
        } else if isReplacement {
            // It may be the same replica again: reads only, until a write is accepted.
            writesResumeAt = now
            actions.step = .testWrites
        } else {
            writesResumeAt = 0
            writePause = 0
            setAvailability(.up(since: wall))
        }
    }

    private var isReadOnly: Bool { if case .limited(.readOnly, _) = availability { true } else { false } }

    /// A write was refused. Reads continue; writes pause, then the next one shows whether they are accepted again.
    private mutating func limit(_ trouble: StoreTrouble, _ now: Int64, _ wall: WallTime, _ actions: inout Actions) {
        setAvailability(.limited(trouble, since: wall))
        // Of several writes sent before the refusal, only the first counts.
        guard now >= writesResumeAt else { return }
        writePause = min(max(2 * writePause, 250), timing.longestPause)
        writesResumeAt = now + writePause
        // If all requests are hits, no write would show when writes are accepted again, so the timer asks for a test.
        actions.timer = .schedule(writePause + 1)
    }

    private mutating func noteWriteTaken(_ wall: WallTime) {
        unknownErrors = 0
        guard case .limited = availability, phase == .serving else { return }
        writePause = 0
        writesResumeAt = 0
        setAvailability(.up(since: wall))
    }

    /// The server is connected but doesn't serve. PINGs show when it does again.
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

    /// - Parameter isLasting: whether another attempt soon would show the same.
    private mutating func lose(
        _ trouble: StoreTrouble, isLasting: Bool = false, _ now: Int64, _ wall: WallTime, _ actions: inout Actions
    ) {
        if phase == .serving || phase == .probing { disconnects += 1 }
        // A connection that had served for a while was probably closed by an idle time-out or a restart: reconnect at
        // once.
        let isShort = !isLasting && hasServedWell(now)
        if isShort { attempts = 0 }
        if isLasting { attempts = max(attempts, Self.manyAttempts) }
        pause(after: trouble, isShort: isShort, wall, &actions)
    }

    /// After a failover, the address may lead to another server, and this one stays a replica for good. Its reads are used
    /// until then.
    private mutating func reconnect(_ actions: inout Actions) {
        disconnects += 1
        phase = .paused
        actions.disconnects = true
        actions.abandonment = .readOnly
        actions.step = .connect
    }

    /// What is known of the server before says nothing about the one in its place.
    private mutating func move(_ wall: WallTime, _ actions: inout Actions) {
        if phase == .serving || phase == .probing { disconnects += 1 }
        attempts = 0
        phase = .paused
        setAvailability(.down(.masterMoved, since: wall))
        actions.disconnects = true
        actions.abandonment = .masterMoved
        actions.step = .connect
    }

    /// There is no connection; the next attempt follows after a pause.
    private mutating func pause(
        after trouble: StoreTrouble, isShort: Bool, _ wall: WallTime, _ actions: inout Actions
    ) {
        switch phase {
        case .resolving, .connecting, .securing, .greeting: connectFailures += 1
        case .paused, .serving, .probing, .closed: break
        }
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
        case .securing: pause(after: .handshakeTimedOut, isShort: false, wall, &actions)
        case .connecting, .greeting: pause(after: .connectTimedOut, isShort: false, wall, &actions)
        case .probing where isIdle:
            // The pause between two PINGs is over.
            actions.step = .ping
            actions.timer = .schedule(timing.hang)
        case .probing: lose(.commandTimedOut, now, wall, &actions)
        case .serving:
            guard case .limited = availability else { return }
            if isReadOnly {
                reconnect(&actions)
            } else if hasRoom && takesWrites(at: now) {
                actions.step = .testWrites
            } else {
                actions.timer = .schedule(timing.shortestPause)
            }
        case .closed: break
        }
    }

    /// Pauses start over after a second of service, so that they keep growing if the server fails at every first
    /// command.
    private func hasServedWell(_ now: Int64) -> Bool { phase == .serving && now - servingSince > 1000 }

    /// Doubles from the shortest to the longest, with a jitter of up to a quarter, so that many workers don't reconnect
    /// in step.
    private mutating func nextPause() -> Int64 {
        let doubled = timing.shortestPause << Int64(min(attempts, Self.manyAttempts))
        attempts += 1
        return max(jitter.around(min(doubled, timing.longestPause)), 1)
    }

    /// A state that continues for another reason keeps the time at which it began.
    private mutating func setAvailability(_ new: StoreState) {
        switch (availability, new) {
        case (.up, .up): break
        case (.down(_, let since), .down(let trouble, _)): availability = .down(trouble, since: since)
        case (.limited(_, let since), .limited(let trouble, _)): availability = .limited(trouble, since: since)
        default: availability = new
        }
    }
}
