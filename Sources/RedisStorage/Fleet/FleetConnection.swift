// The process's connection by which it is one of a fleet: purges of this process go into the stream that all share, those of others
// are applied here, and everybody sees that they are. FleetState decides; this sends, reads, and passes on.

import Bytes
import CacheStorage
import EventLoop

/// Something that an operator wants to know of.
package enum FleetEvent: Sendable {
    /// Purges are exchanged.
    case connected
    /// The connection is lost, and comes back by itself.
    case lost
    /// Redis refuses the commands that it takes.
    case refused(StoreTrouble)
    /// Redis had lost so many purges, which were written again.
    case restored(purges: Int)
}

/// Used on its loop's thread. It must be closed before the last reference is released.
package final class FleetConnection {
    private let loop: EventLoop
    private let settings: RedisSettings
    private let server: ServerLookup
    private let stores: SharedStores
    private let report: (FleetEvent) -> Void
    private let names: FleetNames
    /// Of this process alone.
    private let member: [UInt8]
    private let grace: Int64
    private var state: FleetState
    private var connection: PushConnection?
    private var timer: LoopTimer?
    private let wakes = Mailbox<Void>()
    private var wakeSocket: Socket?
    /// Purges that were sent, and may not have been taken.
    private var sent: [OutgoingPurge] = []
    /// Those whose outcome is awaited, in the stream or not.
    private var awaited: [UInt64: OutgoingPurge] = [:]
    private var wasConnected = false
    /// On the connection there is.
    private var hasBeaten = false

    /// What one message may have.
    private static let limits = ArrayAssembly.Limits(depth: 7, elements: 1 << 20, bytes: 32 << 20)
    private static let outputLimit = 8 << 20
    /// Items of the purges that are sent together.
    private static let itemsAtOnce = 4096

    /// Begins to connect.
    /// - Parameters:
    ///   - grace: `store.grace` in milliseconds.
    ///   - site: where the server is. Of a cluster, the one that has the stream of purges.
    ///   - report: called on the loop's thread.
    package init(
        loop: EventLoop, settings: RedisSettings, grace: Int64, site: StoreSite, resolver: Resolver?,
        stores: SharedStores, report: @escaping (FleetEvent) -> Void
    ) {
        self.loop = loop
        self.settings = settings
        self.grace = grace
        self.stores = stores
        self.report = report
        server = ServerLookup(loop: loop, settings: settings, site: site, resolver: resolver)
        names = FleetNames(prefix: settings.prefix)
        member = Self.newMember()
        state = FleetState(
            grace: grace, timeout: settings.connectTimeoutMilliseconds, applied: stores.purges.applied,
            seed: .random(in: .min ... .max))
        timer = LoopTimer(loop: loop) { [unowned self] in
            take(state.timePassed(now: now))
            schedule()
        }
        wakeSocket = wakes.deliver(on: loop) { [weak self] in self?.purgesWait() }
        stores.outbox.open { [wakes] in wakes.post(()) }
        server.open { [unowned self] found in
            switch found {
            case .address(let peer) where state.phase == .connecting && connection == nil: connect(to: peer)
            case .address: break
            case .nothing, .moved: end()
            }
        }
        timer?.schedule(afterMilliseconds: 0)
    }

    private static func newMember() -> [UInt8] {
        var text: [UInt8] = []
        for _ in 0..<16 { text.append(UInt8.random(in: 0..<16).hexDigit) }
        return text
    }

    /// Nothing is exchanged any more. Purges that weren't sent wait for the next connection.
    package func close() {
        // From here on the others' purges aren't waited for here.
        stores.hearing.beginPurges(grace: grace)
        if state.phase == .beating {
            // The others need not wait until it is seen to be gone.
            connection?.output.command(3)
            connection?.output.argument("HDEL")
            connection?.output.argument(names.members)
            connection?.output.argument(member)
            connection?.flush()
        }
        timer = nil
        drop()
        server.close()
        wakeSocket?.close()
        wakeSocket = nil
        stores.outbox.open {}
        stores.outbox.note(isConnected: false)
        for purge in awaited.values { purge.finish(.unconfirmed(.closed)) }
        stores.outbox.putBack(sent)
        (sent, awaited) = ([], [:])
    }

    /// The stream is said to have changed.
    package func streamChanged() {
        take(state.streamChanged(now: now))
        schedule()
    }

    private func purgesWait() {
        takePurges()
        schedule()
    }

    /// By the process's own clock, which goes on while the machine is suspended: a sign of life from before is as old as it is.
    private var now: Int64 { loop.clockMilliseconds }

    private func schedule() {
        let next = state.nextTime(now: now)
        timer?.schedule(afterMilliseconds: max(min(next - now, 3_600_000), 0))
    }

    private func take(_ steps: [FleetState.Step]) {
        for step in steps { take(step) }
    }

    private func take(_ step: FleetState.Step) {
        switch step {
        case .connect: server.find()
        case .greet: greet()
        case .beat(let applied, let most): beat(applied, most)
        case .restore(let entries): restore(entries)
        case .askMembers: askMembers()
        case .takePurges: takePurges()
        case .settle(let number, let position): settle(number, position)
        case .apply(let entries, let end):
            for entry in entries { stores.purges.apply(entry.purge, at: entry.position) }
            stores.purges.advance(to: end)
        case .noteLife(let asked): stores.hearing.notePurges(asked: WallTime(milliseconds: asked))
        case .applied(let number, let instances): finish(number, .applied(instances: instances))
        case .unconfirmed(let number):
            let isTaken = state.phase == .beating && !sent.contains { $0.number == number }
            finish(number, .unconfirmed(isTaken ? .notApplied : .notTaken))
        case .lostPurges(let count): report(.restored(purges: count))
        case .forgetCopies: stores.forgetAll()
        case .connected:
            stores.outbox.note(isConnected: true)
            if !wasConnected { report(.connected) }
            wasConnected = true
        case .lose: lose { report(.lost) }
        case .refused(let kind):
            wasConnected = true
            lose { report(.refused(kind.trouble)) }
        }
    }

    private func lose(_ tell: () -> Void) {
        drop()
        stores.outbox.note(isConnected: false)
        stores.outbox.putBack(sent)
        sent = []
        if wasConnected { tell() }
        wasConnected = false
        schedule()
    }

    private func drop() {
        connection?.close()
        connection = nil
    }

    private func connect(to peer: RedisPeer) {
        hasBeaten = false
        connection = PushConnection(
            loop: loop, to: peer, limits: Self.limits, outputLimit: Self.outputLimit, owner: self)
        if connection == nil { end() }
    }

    /// The connection has failed or has ended.
    private func end() {
        take(state.lose(now))
        schedule()
    }

    // MARK: Purges

    private func takePurges() {
        for purge in stores.outbox.awaited { expect(purge) }
        guard state.phase == .beating, let connection else { return }
        let taken = stores.outbox.take(items: Self.itemsAtOnce)
        for purge in taken {
            if purge.isAwaited { expect(purge) }
            let entry = purge.purge.entry
            connection.output.command(6 + entry.count)
            connection.output.argument("XADD")
            connection.output.argument(names.purges)
            connection.output.argument("MAXLEN")
            connection.output.argument("~")
            connection.output.argument(decimal: FleetNames.streamLength)
            connection.output.argument("*")
            for text in entry { connection.output.argument(text) }
        }
        sent += taken
        take(state.sent(taken.map(\.number), now: now))
    }

    private func expect(_ purge: OutgoingPurge) {
        guard awaited.updateValue(purge, forKey: purge.number) == nil else { return }
        state.confirm(purge.number, now: now)
    }

    private func settle(_ number: UInt64, _ position: PurgePosition) {
        guard let place = sent.firstIndex(where: { $0.number == number }) else { return }
        stores.outbox.settle(sent.remove(at: place), at: position)
    }

    private func finish(_ number: UInt64, _ outcome: PurgeOutcome) {
        awaited.removeValue(forKey: number)?.finish(outcome)
    }

    // MARK: Commands

    private func greet() {
        connection?.output.greet(settings)
        connection?.flush()
    }

    private func beat(_ applied: PurgePosition, _ most: Int) {
        guard let connection else { return }
        connection.output.script(FleetScripts.beat, [names.purges, names.members, names.epoch], arguments: 6)
        connection.output.argument(member)
        connection.output.argument("\(applied)")
        connection.output.argument(decimal: Int(grace))
        connection.output.argument(Self.newMember())
        connection.output.argument(decimal: most)
        connection.output.argument(decimal: hasBeaten ? 0 : 1)
        hasBeaten = true
        connection.flush()
    }

    private func restore(_ entries: [StreamEntry]) {
        guard let connection else { return }
        for entry in entries {
            // More arguments than that are too many for a script.
            let values = (entry.purge.items.count > 1000 ? .everything : entry.purge).entry
            connection.output.script(FleetScripts.restore, [names.purges], arguments: 1 + values.count)
            connection.output.argument("\(entry.position)")
            for text in values { connection.output.argument(text) }
        }
    }

    private func askMembers() {
        connection?.output.script(FleetScripts.members, [names.members, names.epoch], arguments: 0)
        connection?.flush()
    }
}

extension FleetConnection: PushConnectionOwner {
    func pushConnection(_ connection: PushConnection, _ event: PushEvent) {
        switch event {
        case .opened:
            take(state.connected(replies: settings.greetingReplies, now: now))
            schedule()
        case .received(let reply, let elements):
            guard let awaited = state.awaited.first else { return end() }
            take(state.received(FleetReply(reply, elements, to: awaited), now: now))
        case .malformed: take(state.received(.malformed, now: now))
        case .passedOn: schedule()
        case .ended: end()
        }
    }
}

extension FleetReply {
    /// - Parameter awaited: what the reply is to.
    init(_ reply: Reply, _ elements: [ReplyElement], to awaited: FleetState.Awaited) {
        self = .malformed
        switch (reply, awaited) {
        case (.error(let kind), _): self = .error(kind)
        case (.status, .greeting): self = .status
        case (.array, .beat): if let beat = FleetBeat(elements) { self = .beat(beat) }
        case (.array, .members): if let members = FleetMembers(elements) { self = .members(members) }
        case (.bulk, .purge), (.bulk, .restoration):
            let position = elements.first?.bytes.flatMap { PurgePosition(streamIdentifier: $0.span) }
            if let position { self = .position(position) }
        default: break
        }
    }
}
