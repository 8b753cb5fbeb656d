// Connecting, greeting, and the circuit breaker: when the store counts as down, what it is down for, and how it comes
// back.
//
// A command past its time trips the breaker at once: Redis runs one command at a time, so whatever waits behind it is
// late too. Everybody is answered, the connection is kept, late replies are read and discarded in order, and a PING
// behind them says when all is well. Should that take long, the connection is given up, and new ones are tried with
// growing pauses.

import CacheStorage
import EventLoop
import Glibc

extension RedisStore {
    // MARK: Connecting

    func connect() {
        switch settings.place {
        case .unix(let path):
            guard let address = SocketAddress(unixPath: path) else { return pause(after: .connectFailed) }
            connect(to: address)
        case .tcp(let host, let port):
            if let address = SocketAddress(numericHost: host, port: port) { return connect(to: address) }
            resolve(host: host, port: port)
        }
    }

    private func resolve(host: String, port: UInt16) {
        guard let resolver else { return pause(after: .nameNotResolved) }
        if resolutions == nil {
            let mailbox = Mailbox<Resolution>()
            resolutions = mailbox
            resolutionSocket = mailbox.deliver(on: loop) { [weak self] in self?.resolved($0) }
        }
        guard let resolutions else { return }
        phase = .resolving
        phaseTimer?.schedule(afterMilliseconds: settings.connectTimeoutMilliseconds)
        resolver.resolve(host: host, port: port) { resolutions.post($0) }
    }

    private func resolved(_ resolution: Resolution) {
        // An answer to a question that was given up comes too late.
        guard phase == .resolving else { return }
        guard case .addresses(let addresses) = resolution, !addresses.isEmpty else {
            return pause(after: .nameNotResolved)
        }
        connect(to: addresses[attempts % addresses.count])
    }

    private func connect(to address: SocketAddress) {
        phase = .connecting
        phaseTimer?.schedule(afterMilliseconds: settings.connectTimeoutMilliseconds)
        switch startConnection(to: address) {
        case .connected(let descriptor):
            socket = RedisSocket(loop: loop, descriptor: descriptor, store: self)
            greet()
        case .underWay(let descriptor):
            socket = RedisSocket(loop: loop, descriptor: descriptor, store: self)
            socket?.wait(for: .write)
        case .failed:
            pause(after: .connectFailed)
        }
    }

    func writable(_ caller: RedisSocket) {
        guard caller === socket else { return }
        guard phase == .connecting else {
            flush()
            pumpLargeWrites()
            return
        }
        if caller.pendingError() == 0 { greet() } else { pause(after: .connectFailed) }
    }

    /// Says who we are and which database is meant, and asks whether all is well; all in one write.
    private func greet() {
        guard let fresh = ReplyReader(store: self) else { return pause(after: .connectFailed) }
        reader = fresh
        phase = .greeting
        socket?.wait(for: .read)
        if let password = settings.password {
            output.command(settings.user == nil ? 2 : 3)
            output.argument("AUTH")
            if let user = settings.user { output.argument(user) }
            output.argument(password)
            enlist(Waiter(command: .greeting, deadline: commandDeadline))
        }
        if settings.database != 0 {
            output.command(2)
            output.argument("SELECT")
            output.argument(decimal: settings.database)
            enlist(Waiter(command: .greeting, deadline: commandDeadline))
        }
        ping()
        flush()
    }

    func ping() {
        output.command(1)
        output.argument("PING")
        enlist(Waiter(command: .ping, deadline: commandDeadline))
    }

    // MARK: The breaker

    /// The server answers: commands go out from now on. With a trouble only reads are expected to succeed.
    func serve(limitedBy trouble: StoreTrouble? = nil) {
        phaseTimer?.cancel()
        if phase == .greeting { figures.connects += 1 }
        phase = .serving
        servingSince = loop.now.milliseconds
        if let trouble {
            limit(trouble)
        } else {
            writesResumeAt = 0
            writePause = 0
            setState(.up(since: wallTime))
        }
    }

    /// Writes were refused. Reads go on; writes are dropped for a pause, then the next one is the test of whether they
    /// are taken again.
    func limit(_ trouble: StoreTrouble) {
        setState(.limited(trouble, since: wallTime))
        // Of several writes that were on their way, the first one's refusal counts.
        guard loop.now.milliseconds >= writesResumeAt else { return }
        writePause = min(max(2 * writePause, 250), settings.longestPauseMilliseconds)
        writesResumeAt = loop.now.milliseconds + writePause
        // Where only hits are asked for, nothing would be written that could tell when writes are taken again.
        phaseTimer?.schedule(afterMilliseconds: writePause + 1)
    }

    /// A small write of no consequence, to learn whether writes are taken again.
    private func tryWriting() {
        guard case .limited = state else { return }
        guard canWrite else {
            // Too early by a tick, or too much is waiting.
            phaseTimer?.schedule(afterMilliseconds: settings.shortestPauseMilliseconds)
            return
        }
        output.command(5)
        output.argument("SET")
        output.argument(prefix + Array("probe".utf8))
        output.argument("1")
        output.argument("PX")
        output.argument(decimal: 1000)
        enlist(Waiter(command: .writeProbe, deadline: commandDeadline))
        flush()
    }

    /// A write was taken.
    func writeSucceeded() {
        guard case .limited = state, phase == .serving else { return }
        writePause = 0
        writesResumeAt = 0
        setState(.up(since: wallTime))
    }

    /// The server is there but doesn't serve. Everybody is answered; PINGs tell when it serves again.
    func probe(_ trouble: StoreTrouble, pingNow: Bool) {
        if hasServedWell { attempts = 0 }
        phase = .probing
        setState(.down(trouble, since: wallTime))
        abandonAll(trouble)
        if pingNow {
            ping()
            phaseTimer?.schedule(afterMilliseconds: settings.hangMilliseconds)
        } else {
            phaseTimer?.schedule(afterMilliseconds: nextPause())
        }
    }

    /// The connection is of no more use: everybody is answered, and another one is made after a pause.
    func lose(_ trouble: StoreTrouble) {
        guard phase != .closed else { return }
        figures.disconnects += phase == .serving || phase == .probing ? 1 : 0
        // A connection that served for a while was closed by an idle time-out or a restart: try again at once.
        let hasServedWell = hasServedWell
        if hasServedWell { attempts = 0 }
        pause(after: trouble, isShort: hasServedWell)
    }

    /// Pauses that grow over failures start anew after a second of service; a server that fails at each first command
    /// doesn't count.
    private var hasServedWell: Bool { phase == .serving && loop.now.milliseconds - servingSince > 1000 }

    private func pause(after trouble: StoreTrouble, isShort: Bool = false) {
        if phase == .connecting || phase == .greeting || phase == .resolving { figures.connectFailures += 1 }
        dropConnection()
        phase = .paused
        setState(.down(trouble, since: wallTime))
        abandonAll(trouble)
        phaseTimer?.schedule(afterMilliseconds: isShort ? 1 : nextPause())
    }

    /// Doubles from the shortest to the longest, less or more by up to a quarter, so that many workers don't come back
    /// as one.
    private func nextPause() -> Int64 {
        let doubled = settings.shortestPauseMilliseconds << Int64(min(attempts, 16))
        attempts += 1
        let pause = min(doubled, settings.longestPauseMilliseconds)
        return max(pause * Int64.random(in: 75...125) / 100, 1)
    }

    func phaseTimerFired() {
        switch phase {
        case .paused: connect()
        case .resolving: pause(after: .nameNotResolved)
        case .connecting, .greeting: pause(after: .connectTimedOut)
        case .probing:
            // Either the pause between two PINGs is over, or the PING in flight was waited for long enough.
            if waiters.isEmpty { probeAgain() } else { lose(.commandTimedOut) }
        case .serving: tryWriting()
        case .closed: break
        }
        deliver()
    }

    private func probeAgain() {
        ping()
        phaseTimer?.schedule(afterMilliseconds: settings.hangMilliseconds)
    }

    func commandTimerFired() {
        isCommandTimerArmed = false
        guard phase == .serving, let first = waiters[waiters.front] else { return }
        let left = first.deadline - loop.now.milliseconds
        if left > 0 {
            isCommandTimerArmed = true
            commandTimer?.schedule(afterMilliseconds: left)
        } else {
            probe(.commandTimedOut, pingNow: true)
            deliver()
        }
    }

    /// Closes the socket and forgets what was to be sent. Nobody is answered here.
    func dropConnection() {
        socket?.close()
        socket = nil
        output.empty()
    }

    /// Changes the state. One that goes on for another reason keeps the moment at which it began.
    func setState(_ new: StoreState) {
        let old = state
        switch (old, new) {
        case (.up, .up): return
        case (.down(_, let since), .down(let trouble, _)): state = .down(trouble, since: since)
        case (.limited(_, let since), .limited(let trouble, _)): state = .limited(trouble, since: since)
        default: state = new
        }
        if state != old { stateChanged?(state) }
    }
}
