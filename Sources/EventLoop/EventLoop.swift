// One event base, one thread: sockets, timers, mailboxes, and the end of each turn, when closed sockets are freed.
// Nothing here knows HTTP or Redis.

import CLibevent
import Glibc

/// The loop that a worker thread runs. Everything it owns is used only on its thread; other threads reach it through a
/// ``Mailbox``.
@safe
public final class EventLoop {
    /// Time at the start of this turn's callbacks; a turn is short, so intervals measured from it are accurate to one
    /// turn.
    package private(set) var now: MonotonicTime
    /// The process's own clock in milliseconds since 1970, which never goes back; read together with `now`.
    package private(set) var clockMilliseconds: Int64
    private var lastWallMilliseconds: Int64 = 0
    private var isWallFresh = false
    /// When the clock is to look next for a suspension of the machine.
    private var nextSuspensionCheck: MonotonicTime
    /// The input buffer that all sockets of this loop share.
    package let input: InputBuffer
    package private(set) var openSockets = 0
    /// What the channels of all its sockets share, one after another; made by the module that they are of.
    package var channelBuffers: AnyObject?

    let base: OpaquePointer
    let deadlines: DeadlineWheel
    private var closed: [Unmanaged<Socket>]
    private var endOfTurn: [() -> Void] = []
    private var isStopping = false
    private var isClockFresh = false
    /// Counts the turns; each begins with a poll.
    package private(set) var turn: UInt64 = 0
    private var poll = (turn: UInt64(0), isWhole: false)
    /// Called once after every turn's callbacks, before closed sockets are freed.
    package var turnEnded: (() -> Void)?

    /// - Parameter inputCapacity: bytes of the shared input buffer; at least the largest head plus one read.
    package init(inputCapacity: Int) {
        guard let configuration = unsafe event_config_new() else {
            fatalError("out of memory: could not allocate an event base")
        }
        unsafe event_config_set_flag(configuration, Int32(EVENT_BASE_FLAG_NOLOCK.rawValue))
        unsafe event_config_set_flag(configuration, Int32(EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST.rawValue))
        guard let base = unsafe event_base_new_with_config(configuration) else {
            fatalError("could not create an event base: epoll failed")
        }
        unsafe event_config_free(configuration)
        unsafe self.base = base
        unsafe closed = []
        input = InputBuffer(capacity: inputCapacity)
        now = MonotonicTime.now()
        clockMilliseconds = ProcessClock.milliseconds(at: now)
        nextSuspensionCheck = now
        deadlines = DeadlineWheel(start: now)
        unsafe deadlines.attach(to: base, loop: self)
    }

    deinit {
        reap()
        deadlines.detach()
        unsafe event_base_free(base)
    }

    /// Runs turns until ``stop()``. A turn waits for events, runs their callbacks, then frees the sockets that they
    /// closed.
    package func run() {
        isStopping = false
        while !isStopping {
            turn += 1
            let result = unsafe event_base_loop(base, EVLOOP_ONCE)
            finishTurn()
            if result != 0 { break }
        }
    }

    /// Ends ``run()`` after this turn. Call it on the loop's thread.
    package func stop() { isStopping = true }

    /// Runs `action` once this turn's callbacks are done, before the next wait. For work that must not happen inside
    /// the current callback.
    package func atEndOfTurn(_ action: @escaping () -> Void) { endOfTurn.append(action) }

    /// Wall time in milliseconds, for dates; read once in a turn that needs it.
    package var wallMilliseconds: Int64 {
        if !isWallFresh {
            lastWallMilliseconds = wallClockMilliseconds()
            isWallFresh = true
        }
        return lastWallMilliseconds
    }

    /// Reads the clock, once per turn. Every callback from libevent calls this first.
    func refreshClock() {
        guard !isClockFresh else { return }
        isClockFresh = true
        isWallFresh = false
        now = MonotonicTime.now()
        if nextSuspensionCheck < now {
            ProcessClock.noteSuspension()
            nextSuspensionCheck = now.advanced(byMilliseconds: 1000)
        }
        clockMilliseconds = ProcessClock.milliseconds(at: now)
    }

    /// libevent begins with room for this many events of one poll; what is beyond comes with the next poll.
    private static let leastPollCapacity: Int32 = 32

    /// Whether this turn's poll has told of every socket that was ready. May err towards no.
    var wasPolledWhole: Bool {
        if poll.turn != turn {
            // The most that were ready at once since the last question, this turn's among them.
            let ready = unsafe event_base_get_max_events(base, UInt32(EVENT_BASE_COUNT_ACTIVE), 1)
            poll = (turn, ready < Self.leastPollCapacity)
        }
        return poll.isWhole
    }

    func socketOpened() { openSockets += 1 }

    /// The loop releases its reference to a closed socket at the end of the turn, so that no socket is freed inside its
    /// own callback.
    func socketClosed(_ socket: Unmanaged<Socket>) {
        openSockets -= 1
        unsafe closed.append(socket)
    }

    private func finishTurn() {
        isClockFresh = false
        while !endOfTurn.isEmpty {
            let actions = endOfTurn
            endOfTurn.removeAll(keepingCapacity: true)
            for action in actions { action() }
        }
        turnEnded?()
        reap()
    }

    private func reap() {
        while let socket = unsafe closed.popLast() { unsafe socket.release() }
    }
}
