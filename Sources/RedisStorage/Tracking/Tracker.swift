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
    private let server: ServerLookup
    private let stores: SharedStores
    private let report: (TrackerEvent) -> Void
    /// The stream of purges, and what is done when it changes.
    private let purges: [UInt8]
    private let streamChanged: () -> Void
    /// Nil where no copies of entries are kept in memory: only the stream of purges is tracked.
    private let hearing: (any HearingPart)?
    private var state: TrackerState
    private var connection: PushConnection?
    private var timer: LoopTimer?
    private let prefix: [UInt8]
    private let grace: Int64
    private var wasHearing = false

    /// What one message may have: of more, everything counts as changed.
    private static let limits = ArrayAssembly.Limits(depth: 3, elements: 1 << 18, bytes: 32 << 20)
    /// Begins to connect.
    /// - Parameters:
    ///   - grace: `store.grace` in milliseconds; more than 0.
    ///   - site: where the server is. Of a cluster, the one that has the stream of purges.
    ///   - hearing: what is told of signs of life; nil where no copies are kept in memory, so that only the stream of purges is
    ///     tracked.
    ///   - streamChanged: called when that stream has changed.
    ///   - report: called on the loop's thread.
    package init(
        loop: EventLoop, settings: RedisSettings, grace: Int64, site: StoreSite, resolver: Resolver?,
        stores: SharedStores, hearing: (any HearingPart)?, streamChanged: @escaping () -> Void,
        report: @escaping (TrackerEvent) -> Void
    ) {
        self.loop = loop
        self.settings = settings
        let names = FleetNames(prefix: settings.prefix)
        server = ServerLookup(loop: loop, settings: settings, site: site, resolver: resolver)
        self.stores = stores
        self.report = report
        self.hearing = hearing
        self.streamChanged = streamChanged
        purges = names.purges
        self.grace = grace
        prefix = Array(settings.prefix.utf8)
        state = TrackerState(
            grace: grace, timeout: settings.connectTimeoutMilliseconds, seed: .random(in: .min ... .max))
        hearing?.set(.connecting, grace: grace)
        timer = LoopTimer(loop: loop) { [unowned self] in
            take(state.timePassed(now: now))
            schedule()
        }
        server.open { [unowned self] found in
            switch found {
            case .address(let peer) where state.phase == .connecting && connection == nil: connect(to: peer)
            case .address: break
            case .nothing: end()
            case .moved: startAnew()
            }
        }
        timer?.schedule(afterMilliseconds: 0)
    }

    /// What was heard of another server says nothing about this one.
    private func startAnew() {
        drop()
        hearing?.set(.connecting, grace: grace)
        wasHearing = false
        state = TrackerState(grace: grace, timeout: settings.connectTimeoutMilliseconds, seed: server.server)
        timer?.schedule(afterMilliseconds: 0)
    }

    /// Nothing is heard any more.
    package func close() {
        timer = nil
        drop()
        server.close()
        hearing?.set(.none, grace: 0)
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
        case .connect: server.find()
        case .greet: greet()
        case .arm(let connection): arm(connection)
        case .ping: ping()
        case .beginSession(let asked):
            hearing?.beginSession(asked: WallTime(milliseconds: asked), server: server.server)
            stores.wakeWatchers()
            if !wasHearing { report(.hearing) }
            wasHearing = true
            // It may have changed before.
            streamChanged()
        case .noteLife(let asked): hearing?.noteLife(asked: WallTime(milliseconds: asked))
        case .forget(let names):
            if names.contains(purges) { streamChanged() }
            guard hearing != nil else { break }
            let message = stores.hearing.noteMessage(names: names.count)
            stores.forget(names.lazy.compactMap(key), in: message)
        case .forgetAll:
            streamChanged()
            guard hearing != nil else { break }
            _ = stores.hearing.noteMessage(names: 0)
            stores.forgetAll()
        case .lose:
            drop()
            hearing?.lose()
            stores.wakeWatchers()
            if wasHearing { report(.lost) }
            wasHearing = false
            schedule()
        case .refused(let kind):
            drop()
            hearing?.set(.refused, grace: grace)
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

    private func connect(to peer: RedisPeer) {
        connection = PushConnection(loop: loop, to: peer, limits: Self.limits, owner: self)
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
        connection?.output.greet(settings)
        connection?.output.command(2)
        connection?.output.argument("CLIENT")
        connection?.output.argument("ID")
        connection?.flush()
    }

    private func arm(_ number: Int) {
        // What begins with the entries' prefix is tracked with them: two prefixes may not overlap.
        let tracksBoth = hearing != nil && !purges.starts(with: prefix)
        connection?.output.command(tracksBoth ? 10 : 8)
        connection?.output.argument("CLIENT")
        connection?.output.argument("TRACKING")
        connection?.output.argument("ON")
        connection?.output.argument("REDIRECT")
        connection?.output.argument(decimal: number)
        connection?.output.argument("BCAST")
        if hearing != nil {
            connection?.output.argument("PREFIX")
            connection?.output.argument(settings.prefix)
        }
        if tracksBoth || hearing == nil {
            connection?.output.argument("PREFIX")
            connection?.output.argument(purges)
        }
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
            take(state.connected(replies: settings.greetingReplies, now: now))
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
