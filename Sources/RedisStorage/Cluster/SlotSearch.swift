// Asks nodes of a cluster which of them has which slots, for the whole process, and tells the stores. SlotSearchState decides
// whom to ask when.

import CacheStorage
import EventLoop

/// Something that an operator wants to know of.
package enum ClusterEvent: Sendable {
    case named(masters: Int, slots: Int, by: MasterAddress)
    /// `moved`: slots that have another master now, or none.
    case changed(masters: Int, slots: Int, moved: Int, by: MasterAddress)
    /// The stores stay with the masters of before, if there are any. `because`: why the last node isn't connected.
    case lost(ClusterTrouble, StoreTrouble?)
    /// A node says the same again as before.
    case confirmed(by: MasterAddress)
    case unknownError(String)
}

/// Used on its loop's thread. It must be closed before the last reference is released.
package final class SlotSearch {
    package let location: SlotLocation
    private let loop: EventLoop
    private let slots: KeySlots
    private let newNumber: (_ isMoved: @escaping (CacheKey) -> Bool) -> UInt64
    private let report: (ClusterEvent) -> Void
    private var state: SlotSearchState
    private var connection: RedisConnection
    private var moves: UInt64 = 0
    private var timer: LoopTimer?
    private var wishSocket: Socket?
    private var trouble: ClusterTrouble?
    /// What nodes have replied that don't say where the slots are.
    private var replied: ClusterTrouble?
    /// The reply to the question that is open.
    private var map: SlotMap?

    /// How long a node has to reply, in milliseconds.
    private static let timeout: Int64 = 500
    /// How long connecting to a node may take.
    private static let patience: Int64 = 1000

    /// Starts connecting.
    /// - Parameters:
    ///   - seeds: at least one.
    ///   - interval: how often a node is asked without a reason to, in milliseconds. A slot may be taken over without a word of
    ///     its old master: this bounds how long copies in memory may be out of date then, and how long nobody finds what all
    ///     instances share.
    ///   - settings: of the nodes; the place doesn't matter.
    ///   - newNumber: the number of a map that holds from now on, whose slots have other masters than before where the argument
    ///     says so of a key. Called before anybody is told of it.
    ///   - report: called on the loop's thread.
    package init(
        loop: EventLoop, seeds: [MasterAddress], interval: Int64 = 1000, settings: RedisSettings, resolver: Resolver?,
        location: SlotLocation,
        newNumber: @escaping (_ isMoved: @escaping (CacheKey) -> Bool) -> UInt64,
        report: @escaping (ClusterEvent) -> Void
    ) {
        self.loop = loop
        self.location = location
        self.newNumber = newNumber
        self.report = report
        slots = KeySlots(prefix: Array(settings.prefix.utf8))
        state = SlotSearchState(seeds: seeds, interval: interval, seed: .random(in: .min ... .max))
        var settings = settings
        settings.place = .tcp(host: seeds[0].host, port: seeds[0].port)
        settings.isClusterNode = true
        settings.timeoutMilliseconds = Self.timeout
        settings.connectTimeoutMilliseconds = Self.patience
        connection = RedisConnection(loop: loop, settings: settings, resolver: resolver)
        timer = LoopTimer(loop: loop) { [unowned self] in
            take(state.timePassed(isServing: connection.isServing && connection.hasRoom, now: loop.now.milliseconds))
        }
        wishSocket = location.wishes.deliver(on: loop) { [unowned self] wish in
            location.takeWish()
            let node: MasterAddress? = if case .ask(let node) = wish { node } else { nil }
            take(state.hurry(asking: node, now: loop.now.milliseconds))
        }
        connection.delegate = self
        connection.open()
        timer?.schedule(afterMilliseconds: Self.patience)
    }

    package func close() {
        timer = nil
        wishSocket?.close()
        wishSocket = nil
        connection.delegate = nil
        connection.close()
    }

    private func take(_ step: SlotSearchState.Step) {
        if state.isLost { note(replied ?? .noNodeReplies) }
        switch step {
        case .nothing: break
        case .ask:
            map = nil
            connection.output.command(2)
            connection.output.argument("CLUSTER")
            connection.output.argument("SLOTS")
            connection.expectReply(.array, for: self)
        case .connect(let node):
            moves += 1
            connection.move(to: .tcp(host: node.host, port: node.port), number: moves)
            timer?.schedule(afterMilliseconds: Self.patience)
        case .wait(let milliseconds): timer?.schedule(afterMilliseconds: milliseconds)
        }
    }

    private func note(_ map: SlotMap, from node: MasterAddress) {
        replied = nil
        if let before = location.map, before.hasSameMasters(as: map) {
            location.noteConfirmation(by: node)
            if trouble != nil { report(.confirmed(by: node)) }
            trouble = nil
            return
        }
        trouble = nil
        let before = location.map
        let number = newNumber { [slots] key in
            let slot = slots.slot(of: key)
            return before?.master(of: slot) != map.master(of: slot)
        }
        location.set(map.numbered(number), from: node)
        guard let before else {
            return report(.named(masters: map.masters.count, slots: map.coveredCount, by: node))
        }
        report(
            .changed(
                masters: map.masters.count, slots: map.coveredCount, moved: map.movedCount(since: before), by: node))
    }

    private func note(_ found: ClusterTrouble) {
        guard trouble != found else { return }
        trouble = found
        location.note(found)
        report(.lost(found, connection.isServing ? nil : connection.state.trouble))
    }
}

extension SlotSearch: CommandReceiver {
    func receive(array elements: [ReplyElement], for command: PendingCommand) {
        map = SlotMap(elements, from: state.current)
    }

    func finish(_ command: PendingCommand, with outcome: CommandOutcome, on connection: RedisConnection) {
        switch outcome {
        case .reply(.error(.notPermitted)): replied = .notPermitted
        // Whatever it is that replies, it isn't a node with slots.
        case .reply: if map == nil { replied = .noCluster }
        case .abandoned: break
        }
        // The connection may not be left for another one while it is being read.
        loop.atEndOfTurn { [weak self] in
            guard let self, timer != nil else { return }
            if let map { note(map, from: state.current) }
            take(state.answered(nodes: map.map { $0.masters + $0.replicas }, isMissed: location.isMissed))
        }
    }
}

extension SlotSearch: RedisConnectionDelegate {
    func connectionDidChangeAvailability(_ connection: RedisConnection) {
        switch connection.state.availability {
        case .up, .limited, .partial: take(state.connected())
        // It has just been told to connect.
        case .down(.connecting, _), .down(.masterMoved, _): break
        case .down: take(state.failed())
        }
    }

    func connectionDidAbandonCommands(_ connection: RedisConnection, because trouble: StoreTrouble) {}
    func connectionDidProgress(_ connection: RedisConnection) {}
    func connectionNeedsWriteTest(_ connection: RedisConnection) {}
    func connection(_ connection: RedisConnection, didSeeUnknownError text: String) {
        // That cluster support is off is known, and said.
        if !text.hasPrefix("ERR This instance has cluster support disabled") { report(.unknownError(text)) }
    }
}
