// The process's connection on which Redis tells of changed keys, and what follows for the copies in memory. TrackerState
// decides; this sends, reads, and passes on.

import Bytes
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
    private let report: (TrackerEvent) -> Void
    private var state: TrackerState
    private var socket: RedisSocket?
    private var isConnected = false
    private var reader: ReplyReader?
    private var output = ByteQueue()
    private var timer: LoopTimer?
    private var resolutions: Mailbox<(UInt64, Resolution)>?
    private var resolutionSocket: Socket?
    private var elements: [ReplyElement] = []
    private var attempt = 0
    private let prefix: [UInt8]
    private let grace: Int64
    private var wasHearing = false

    /// What one message may have: of more, everything counts as changed.
    private static let limits = ArrayAssembly.Limits(depth: 3, elements: 1 << 18, bytes: 32 << 20)
    /// Bytes that may wait to be sent.
    private static let outputLimit = 64 << 10

    /// Begins to connect.
    /// - Parameters:
    ///   - grace: `store.grace` in milliseconds; more than 0.
    ///   - master: where the server is, if sentinels name it.
    ///   - report: called on the loop's thread.
    package init(
        loop: EventLoop, settings: RedisSettings, grace: Int64, master: MasterLocation?, resolver: Resolver?,
        stores: SharedStores,
        report: @escaping (TrackerEvent) -> Void
    ) {
        self.loop = loop
        self.settings = settings
        self.master = master
        place = settings.place
        self.resolver = resolver
        self.stores = stores
        self.report = report
        self.grace = grace
        prefix = Array(settings.prefix.utf8)
        state = TrackerState(
            grace: grace, timeout: settings.connectTimeoutMilliseconds, seed: .random(in: .min ... .max))
        stores.hearing.set(.connecting, grace: grace)
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
        stores.hearing.set(.connecting, grace: grace)
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
        stores.hearing.set(.none, grace: 0)
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
            stores.hearing.beginSession(asked: WallTime(milliseconds: asked), server: server)
            if !wasHearing { report(.hearing) }
            wasHearing = true
        case .noteLife(let asked): stores.hearing.noteLife(asked: WallTime(milliseconds: asked))
        case .forget(let names):
            let message = stores.hearing.noteMessage(names: names.count)
            stores.forget(names.lazy.compactMap(key), in: message)
        case .forgetAll:
            _ = stores.hearing.noteMessage(names: 0)
            stores.forgetAll()
        case .lose:
            drop()
            stores.hearing.lose()
            if wasHearing { report(.lost) }
            wasHearing = false
        case .refused(let kind):
            drop()
            stores.hearing.set(.refused, grace: grace)
            report(.refused(kind.trouble))
            wasHearing = false
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
        case .unknownMaster: end()
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
        guard state.phase == .connecting, socket == nil, server == self.server else { return }
        guard case .addresses(let addresses) = resolution, !addresses.isEmpty else { return end() }
        connect(to: addresses[attempt % addresses.count])
    }

    private func connect(to address: SocketAddress) {
        guard let reader = ReplyReader(delegate: self, arrayLimits: Self.limits) else { return end() }
        self.reader = reader
        output = ByteQueue()
        isConnected = false
        switch startConnection(to: address) {
        case .connected(let descriptor), .underWay(let descriptor):
            socket = RedisSocket(loop: loop, descriptor: descriptor, owner: self)
            socket?.wait(for: .write)
        case .failed: end()
        }
    }

    /// The connection has failed or has ended.
    private func end() {
        take(state.lose(now))
        schedule()
    }

    private func drop() {
        socket?.close()
        socket = nil
        reader = nil
    }

    // MARK: Commands

    private func greet() {
        if let password = settings.password {
            output.command(settings.user == nil ? 2 : 3)
            output.argument("AUTH")
            if let user = settings.user { output.argument(user) }
            output.argument(password)
        }
        if settings.database != 0 {
            output.command(2)
            output.argument("SELECT")
            output.argument(decimal: settings.database)
        }
        output.command(2)
        output.argument("CLIENT")
        output.argument("ID")
        flush()
    }

    private func arm(_ connection: Int) {
        output.command(8)
        output.argument("CLIENT")
        output.argument("TRACKING")
        output.argument("ON")
        output.argument("REDIRECT")
        output.argument(decimal: connection)
        output.argument("BCAST")
        output.argument("PREFIX")
        output.argument(settings.prefix)
        output.command(2)
        output.argument("SUBSCRIBE")
        output.argument("__redis__:invalidate")
        ping()
    }

    private func ping() {
        output.command(2)
        output.argument("PING")
        output.argument(decimal: Int(now))
        flush()
    }

    private func flush() {
        guard let socket, isConnected else { return }
        guard output.count <= Self.outputLimit else { return end() }
        switch socket.send(output.bytes) {
        case .wrote(let count):
            output.consume(count)
            socket.wait(for: output.count == 0 ? .read : .readAndWrite)
        case .failed: end()
        }
    }
}

extension Tracker: RedisSocketOwner {
    func writable(_ caller: RedisSocket) {
        guard caller === socket else { return }
        if !isConnected {
            guard caller.pendingError() == 0 else { return end() }
            isConnected = true
            caller.wait(for: .read)
            take(
                state.connected(
                    replies: (settings.password == nil ? 0 : 1) + (settings.database == 0 ? 0 : 1), now: now))
            schedule()
        } else {
            flush()
        }
    }

    func readable(_ caller: RedisSocket) {
        guard caller === socket else { return }
        switch caller.receive() {
        case .bytes(let count):
            let input = caller.loop.input
            var offset = 0
            while offset < count, let reader, caller === socket {
                offset = reader.feed(input.span(count: count), from: offset)
                while caller === socket, let message = next(reader) { take(state.received(message, now: now)) }
            }
            schedule()
        case .wouldBlock: break
        case .ended, .failed: end()
        }
    }

    /// Nil where more bytes are needed.
    private func next(_ reader: ReplyReader) -> TrackerMessage? {
        switch reader.next() {
        case .incomplete: return nil
        case .malformed: return .malformed
        case .reply(.status): return .status
        case .reply(.error(let kind)): return .error(kind)
        case .reply(.integer(let number)): return .number(number)
        case .reply(.bulk), .reply(.absent): return .malformed
        case .reply(.array):
            defer { elements = [] }
            return TrackerMessage(elements)
        }
    }
}

extension Tracker: ReplyReaderDelegate {
    func replyReader(_ reader: ReplyReader, didReadBulk bytes: Span<UInt8>) {}
    func replyReaderTakesArray(_ reader: ReplyReader) -> Bool { true }
    func replyReader(_ reader: ReplyReader, didReadArray elements: [ReplyElement]) { self.elements = elements }
}

extension TrackerMessage {
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
