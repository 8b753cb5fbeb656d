// Asks sentinels for the master, for the whole process, and tells the stores. It stays connected to each sentinel; a
// connection that is lost comes back by itself, and its name is resolved again. MasterSearchState decides whom to ask when;
// SwitchSubscription hurries it.

import CacheStorage
import EventLoop

/// Something that an operator wants to know of.
package enum MasterEvent: Sendable {
    case named(MasterAddress, by: MasterAddress)
    case changed(from: MasterAddress, to: MasterAddress, by: MasterAddress)
    /// The store stays with the master of before, if there is one. `because`: why the first sentinel isn't connected.
    case lost(MasterSearchTrouble, StoreTrouble?)
    /// A sentinel names a master again, the same as before.
    case confirmed(by: MasterAddress)
    /// A sentinel has replied with an error that has no known meaning.
    case unknownError(String)
}

/// The sentinels, and how to log in to them.
package struct SentinelSettings: Sendable, Equatable {
    /// At least one.
    package var sentinels: [MasterAddress]
    package var master: String
    package var user: String?
    package var password: String?
    /// Nil where they are spoken to as they are.
    package var tls: RedisTLS?

    package init(
        sentinels: [MasterAddress], master: String, user: String? = nil, password: String? = nil, tls: RedisTLS? = nil
    ) {
        self.tls = tls
        self.sentinels = sentinels
        self.master = master
        self.user = user
        self.password = password
    }
}

/// Used on its loop's thread. It must be closed before the last reference is released.
package final class MasterSearch {
    package let location: MasterLocation
    private let settings: SentinelSettings
    private let loop: EventLoop
    private let newNumber: () -> UInt64
    private let report: (MasterEvent) -> Void
    private var state: MasterSearchState
    private var connections: [RedisConnection] = []
    private var timer: LoopTimer?
    private var wishSocket: Socket?
    private var subscription: SwitchSubscription?
    private var trouble: MasterSearchTrouble?
    private var isEstablishing = true
    /// The reply to the question that is open.
    private var elements: [ReplyElement] = []
    private var number: UInt64 = 0

    /// How long a sentinel has to reply, in milliseconds.
    private static let timeout: Int64 = 500
    /// How long the first connections may take before it is said that no sentinel replies.
    private static let patience: Int64 = 2000

    /// Starts connecting.
    /// - Parameters:
    ///   - newNumber: the number of a master that is named from now on. Called before anybody is told of it.
    ///   - report: called on the loop's thread.
    package init(
        loop: EventLoop, settings: SentinelSettings, resolver: Resolver?, location: MasterLocation,
        newNumber: @escaping () -> UInt64, report: @escaping (MasterEvent) -> Void
    ) {
        self.loop = loop
        self.settings = settings
        self.location = location
        self.newNumber = newNumber
        self.report = report
        state = MasterSearchState(sentinels: settings.sentinels.count, seed: .random(in: .min ... .max))
        connections = settings.sentinels.map { sentinel in
            var settings = RedisSettings(
                place: .tcp(host: sentinel.host, port: sentinel.port), user: settings.user, password: settings.password,
                tls: settings.tls, timeoutMilliseconds: Self.timeout)
            settings.longestPauseMilliseconds = 1000
            return RedisConnection(loop: loop, settings: settings, resolver: resolver)
        }
        timer = LoopTimer(loop: loop) { [unowned self] in begin() }
        wishSocket = location.wishes.deliver(on: loop) { [unowned self] wish in
            location.takeWish()
            take(state.hurry(another: wish == .askAnother, now: loop.now.milliseconds), nil)
        }
        for connection in connections {
            connection.delegate = self
            connection.open()
        }
        timer?.schedule(afterMilliseconds: Self.patience)
    }

    package func close() {
        timer = nil
        wishSocket?.close()
        wishSocket = nil
        subscription?.close()
        subscription = nil
        for connection in connections {
            connection.delegate = nil
            connection.close()
        }
    }

    private func canAsk(_ index: Int) -> Bool { connections[index].isServing && connections[index].hasRoom }

    private func begin() {
        isEstablishing = false
        let (step, finding) = state.begin(isMissed: location.isMissed, now: loop.now.milliseconds, canAsk: canAsk)
        take(step, finding)
    }

    private func take(_ step: MasterSearchState.Step, _ finding: MasterSearchState.Finding?) {
        switch finding {
        case .master(let address, let index): note(address, by: index)
        case .trouble(let found): note(found)
        case nil: break
        }
        switch step {
        case .nothing: break
        case .ask(let index): ask(connections[index])
        case .wait(let milliseconds): timer?.schedule(afterMilliseconds: milliseconds)
        }
    }

    private func ask(_ connection: RedisConnection) {
        elements = []
        connection.output.command(3)
        connection.output.argument("SENTINEL")
        connection.output.argument("GET-MASTER-ADDR-BY-NAME")
        connection.output.argument(settings.master)
        connection.expectReply(.array, for: self)
    }

    private func note(_ address: MasterAddress, by index: Int) {
        let sentinel = settings.sentinels[index]
        let before = location.master?.address
        if address != before {
            number = newNumber()
            location.set(NumberedMaster(address: address, number: number), namedBy: sentinel)
            if let before {
                report(.changed(from: before, to: address, by: sentinel))
            } else {
                report(.named(address, by: sentinel))
            }
        } else {
            location.noteConfirmation(by: sentinel)
            if trouble != nil { report(.confirmed(by: sentinel)) }
        }
        trouble = nil
        subscribe(to: index)
    }

    private func note(_ found: MasterSearchTrouble) {
        location.note(found)
        if trouble != found {
            report(.lost(found, connections.lazy.filter { !$0.isServing }.first?.state.trouble))
        }
        trouble = found
    }

    /// To the sentinel that has just replied; a connection of its own, which does nothing else.
    private func subscribe(to index: Int) {
        let connection = connections[index]
        guard let address = connection.peer else { return }
        if let subscription, subscription.isOf(index, connection.state.connects) { return }
        subscription?.close()
        let sentinel = settings.sentinels[index]
        let peer = RedisPeer(address: address, tls: settings.tls, host: sentinel.host, port: sentinel.port)
        subscription = SwitchSubscription(
            loop: loop, peer: peer, settings: settings, place: (index, connection.state.connects)
        ) { [unowned self] in
            take(state.hurry(another: false, now: loop.now.milliseconds), nil)
        }
    }
}

extension MasterSearch: CommandReceiver {
    func receive(array elements: [ReplyElement], for command: PendingCommand) { self.elements = elements }

    func finish(_ command: PendingCommand, with outcome: CommandOutcome, on connection: RedisConnection) {
        let answer: MasterSearchState.Answer =
            switch outcome {
            case .reply(.array): Self.address(in: elements).map { .master($0) } ?? .none
            case .reply(.absent): .unknownName
            case .reply, .abandoned: .none
            }
        // No other connection may be used while this one is being read.
        loop.atEndOfTurn { [weak self] in
            guard let self, timer != nil else { return }
            let (step, finding) = state.answered(answer, now: loop.now.milliseconds, canAsk: canAsk)
            take(step, finding)
        }
    }

    /// The reply is a host and a port. Nil if it can't be an address.
    static func address(in elements: [ReplyElement]) -> MasterAddress? {
        guard elements.count == 2, let host = elements[0].bytes, let port = elements[1].bytes, 1...253 ~= host.count,
            !host.contains(where: { $0 <= 0x20 || $0 >= 0x7F }),
            let number = UInt16(String(decoding: port, as: UTF8.self)), number > 0
        else { return nil }
        return MasterAddress(host: String(decoding: host, as: UTF8.self), port: number)
    }
}

extension MasterSearch: RedisConnectionDelegate {
    func connectionDidChangeAvailability(_ connection: RedisConnection) {
        guard connection.isServing, isEstablishing || trouble != nil else { return }
        timer?.schedule(afterMilliseconds: 0)
    }

    func connectionDidAbandonCommands(_ connection: RedisConnection, because trouble: StoreTrouble) {}
    func connectionDidProgress(_ connection: RedisConnection) {}
    func connectionNeedsWriteTest(_ connection: RedisConnection) {}
    func connection(_ connection: RedisConnection, didSeeUnknownError text: String) { report(.unknownError(text)) }
}
