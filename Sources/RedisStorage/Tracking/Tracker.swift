// The process's connection on which Redis tells of changed keys, and what follows for the copies in memory. TrackerState
// decides; this sends, reads, and passes on.

import CacheStorage
import EventLoop

/// Something that an operator wants to know of.
package enum TrackerEvent: Sendable {
    case hearing
    /// The connection is lost, and comes back by itself.
    case lost
    /// Redis doesn't tell this client of changes.
    case refused(StoreTrouble)
}

/// Used on its loop's thread. It must be closed before the last reference is released.
package final class Tracker {
    private let loop: EventLoop
    private let settings: RedisSettings
    /// Where the server is. With sentinels it changes.
    private var place: RedisSettings.Place
    private var server: UInt64 = 0
    private let master: MasterLocation?
    private let news = Mailbox<NumberedMaster>()
    private var newsSocket: Socket?
    private let resolver: Resolver?
    private let stores: SharedStores
    private let hearing: any HearingPart
    private let report: (TrackerEvent) -> Void
    private var state: TrackerState
    private var connection: PushConnection?
    private var timer: LoopTimer?
    private var resolutions: Mailbox<(UInt64, Resolution)>?
    private var resolutionSocket: Socket?
    private var attempt = 0
    private let prefix: [UInt8]
    private let grace: Int64
    private var wasHearing = false

    /// What one message may have: of more, everything counts as changed.
    private static let limits = ArrayAssembly.Limits(depth: 3, elements: 1 << 18, bytes: 32 << 20)
    /// Begins to connect.
    /// - Parameters:
    ///   - grace: `store.grace` in milliseconds; more than 0.
    ///   - master: where the server is, if sentinels name it.
    ///   - hearing: what is told of signs of life; nil for the stores' own.
    ///   - report: called on the loop's thread.
    package init(
        loop: EventLoop, settings: RedisSettings, grace: Int64, master: MasterLocation?, resolver: Resolver?,
        stores: SharedStores, hearing: (any HearingPart)? = nil,
        report: @escaping (TrackerEvent) -> Void
    ) {
        self.loop = loop
        self.settings = settings
        self.master = master
        place = settings.place
        self.resolver = resolver
        self.stores = stores
        self.hearing = hearing ?? stores.hearing
        self.report = report
        self.grace = grace
        prefix = Array(settings.prefix.utf8)
        state = TrackerState(
            grace: grace, timeout: settings.connectTimeoutMilliseconds, seed: .random(in: .min ... .max))
        self.hearing.set(.connecting, grace: grace)
        timer = LoopTimer(loop: loop) { [unowned self] in
            take(state.timePassed(now: now))
            schedule()
        }
        timer?.schedule(afterMilliseconds: 0)
        guard let master else { return }
        newsSocket = news.deliver(on: loop) { [weak self] in self?.follow($0) }
        if let named = master.listen(news) { follow(named) }
    }

    /// What was heard of another server says nothing about this one.
    private func follow(_ named: NumberedMaster) {
        guard named.number > server else { return }
        server = named.number
        place = .tcp(host: named.address.host, port: named.address.port)
        drop()
        hearing.set(.connecting, grace: grace)
        wasHearing = false
        state = TrackerState(grace: grace, timeout: settings.connectTimeoutMilliseconds, seed: server)
        timer?.schedule(afterMilliseconds: 0)
    }

    /// Nothing is heard any more.
    package func close() {
        timer = nil
        drop()
        newsSocket?.close()
        newsSocket = nil
        master?.stopListening(news)
        resolutionSocket?.close()
        resolutionSocket = nil
        hearing.set(.none, grace: 0)
    }

    /// By the process's own clock, which goes on while the machine is suspended: a PING from before that is as old as it is.
    private var now: Int64 { loop.clockMilliseconds }

    private func schedule() {
        let next = state.nextTime(now: now)
        timer?.schedule(afterMilliseconds: max(next - now, 0))
    }

    private func take(_ step: TrackerState.Step) {
        switch step {
        case .none: break
        case .connect: connect()
        case .greet: greet()
        case .arm(let connection): arm(connection)
        case .ping: ping()
        case .beginSession(let asked):
            hearing.beginSession(asked: WallTime(milliseconds: asked), server: server)
            stores.wakeWatchers()
            if !wasHearing { report(.hearing) }
            wasHearing = true
        case .noteLife(let asked): hearing.noteLife(asked: WallTime(milliseconds: asked))
        case .forget(let names):
            let message = stores.hearing.noteMessage(names: names.count)
            stores.forget(names.lazy.compactMap(key), in: message)
        case .forgetAll:
            _ = stores.hearing.noteMessage(names: 0)
            stores.forgetAll()
        case .lose:
            drop()
            hearing.lose()
            stores.wakeWatchers()
            if wasHearing { report(.lost) }
            wasHearing = false
            schedule()
        case .refused(let kind):
            drop()
            hearing.set(.refused, grace: grace)
            report(.refused(kind.trouble))
            wasHearing = false
            schedule()
        }
    }

    /// The entry's key that a name of Redis's means; nil for what is no entry.
    private func key(of name: [UInt8]) -> CacheKey? {
        guard name.count == prefix.count + CacheKey.hexCount, name.starts(with: prefix) else { return nil }
        return CacheKey(hex: name.span.extracting(prefix.count..<name.count))
    }

    // MARK: The connection

    private func connect() {
        attempt += 1
        switch place {
        case .unknownMaster, .nowhere: end()
        case .unix(let path):
            guard let address = SocketAddress(unixPath: path) else { return end() }
            connect(to: address)
        case .tcp(let host, let port):
            if let address = SocketAddress(numericHost: host, port: port) { return connect(to: address) }
            guard let resolver else { return end() }
            let mailbox = resolutions ?? Mailbox<(UInt64, Resolution)>()
            if resolutions == nil {
                resolutions = mailbox
                resolutionSocket = mailbox.deliver(on: loop) { [weak self] in self?.resolved($0, $1) }
            }
            resolver.resolve(host: host, port: port) { [server] in mailbox.post((server, $0)) }
        }
    }

    private func resolved(_ server: UInt64, _ resolution: Resolution) {
        // The result for an attempt that was given up comes too late.
        guard state.phase == .connecting, connection == nil, server == self.server else { return }
        guard case .addresses(let addresses) = resolution, !addresses.isEmpty else { return end() }
        connect(to: addresses[attempt % addresses.count])
    }

    private func connect(to address: SocketAddress) {
        connection = PushConnection(loop: loop, to: address, limits: Self.limits, owner: self)
        if connection == nil { end() }
    }

    /// The connection has failed or has ended.
    private func end() { take(state.lose(now)) }

    private func drop() {
        connection?.close()
        connection = nil
    }

    // MARK: Commands

    private func greet() {
        if let password = settings.password {
            connection?.output.authenticate(user: settings.user, password: password)
        }
        if settings.database != 0 { connection?.output.select(settings.database) }
        connection?.output.command(2)
        connection?.output.argument("CLIENT")
        connection?.output.argument("ID")
        connection?.flush()
    }

    private func arm(_ number: Int) {
        connection?.output.command(8)
        connection?.output.argument("CLIENT")
        connection?.output.argument("TRACKING")
        connection?.output.argument("ON")
        connection?.output.argument("REDIRECT")
        connection?.output.argument(decimal: number)
        connection?.output.argument("BCAST")
        connection?.output.argument("PREFIX")
        connection?.output.argument(settings.prefix)
        connection?.output.command(2)
        connection?.output.argument("SUBSCRIBE")
        connection?.output.argument("__redis__:invalidate")
        ping()
    }

    private func ping() {
        connection?.output.command(2)
        connection?.output.argument("PING")
        connection?.output.argument(decimal: Int(now))
        connection?.flush()
    }
}

extension Tracker: PushConnectionOwner {
    func pushConnection(_ connection: PushConnection, _ event: PushEvent) {
        switch event {
        case .opened:
            let replies = (settings.password == nil ? 0 : 1) + (settings.database == 0 ? 0 : 1)
            take(state.connected(replies: replies, now: now))
            schedule()
        case .received(let reply, let elements): take(state.received(TrackerMessage(reply, elements), now: now))
        case .malformed: take(state.received(.malformed, now: now))
        case .passedOn: schedule()
        case .ended: end()
        }
    }
}

extension TrackerMessage {
    fileprivate init(_ reply: Reply, _ elements: [ReplyElement]) {
        switch reply {
        case .status: self = .status
        case .error(let kind): self = .error(kind)
        case .integer(let number): self = .number(number)
        case .array: self.init(elements)
        case .bulk, .absent: self = .malformed
        }
    }

    /// What a subscriber is sent.
    init(_ elements: [ReplyElement]) {
        self = .malformed
        guard let kind = elements.first?.bytes else { return }
        if kind.elementsEqual("message".utf8), elements.count == 3 {
            switch elements[2] {
            case .absent: self = .changed(nil)
            case .array(let names):
                let keys = names.compactMap(\.bytes)
                if keys.count == names.count { self = .changed(keys) }
            default: break
            }
        } else if kind.elementsEqual("subscribe".utf8) {
            self = .subscribed
        } else if kind.elementsEqual("pong".utf8), elements.count == 2, let payload = elements[1].bytes {
            self = .pong(Int64(String(decoding: payload, as: Unicode.UTF8.self)))
        }
    }
}
