// A worker: one event loop on one thread, with its clients, its connections to origins, its view of the stores and its
// counters. Workers share the memory store, the servers' health and the logs; nothing else.

import CacheStorage
import Configuration
import EventLoop
import HTTPCaching
import HTTPWire
import Routing

/// What reaches a worker from other threads.
enum WorkerMessage: Sendable {
    /// A server's name has been looked up; `failure` says why it has no address.
    case located(ticket: UInt64, failure: String?)
    case adopt(Generation)
    case report(@Sendable (Counters, StoreState?) -> Void)
    case errand(StoreErrand, answer: @Sendable (StoreFinding) -> Void)
    case drain(deadline: MonotonicTime)
    case stop
}

package final class Worker {
    package let index: Int
    let loop: EventLoop
    let shared: SharedState
    let mailbox: Mailbox<WorkerMessage>
    var world: World
    var limits: Limits
    var composer: KeyComposer
    let origins = OriginPool()
    var counters = Counters()

    // Stores.
    var memory: MemoryStore?
    var remote: (any RemoteStore)?
    var objectLimit: Int
    private var copyLifeMilliseconds: Int64 = 0
    private var storeSettings: StoreSettings

    // Buffers that every answer is put together in.
    var scratch = ByteBuffer(minimumCapacity: 16 << 10)
    let lineEnd: [UInt8] = Array("\r\n".utf8)
    let lastChunk: [UInt8] = Array("0\r\n".utf8)
    /// `Date: …` and CRLF, made anew each second.
    private(set) var dateLine: [UInt8] = []
    private var dateSecond: Int64 = -1
    let accessLog: AccessLogBuffer

    private var listeners: [Listener] = []
    private var clients: [Client] = []
    private var resting: [Transaction] = []
    private var waitingFetches: [UInt64: (fetch: Fetch, attempt: Int)] = [:]
    private var nextTicket: UInt64 = 0
    private var nextIdentifier: UInt64
    private(set) var isDraining = false
    private var drained: (@Sendable () -> Void)?
    private var mailSocket: Socket?
    private var housekeeping: LoopTimer?

    private var restingFetches: [Fetch] = []
    private var retiredFetches: [Fetch] = []
    private var peerText: [UInt8] = []
    private var cacheStatusText: [UInt8] = []

    private static let restingLimit = 1024
    /// How long an idle connection is kept in a drain, for a request that is on its way.
    static let drainIdleMilliseconds: Int64 = 1000
    private static let restingFetchLimit = 256

    /// Made on the worker's own thread.
    init(index: Int, shared: SharedState, generation: Generation, mailbox: Mailbox<WorkerMessage>) throws {
        self.index = index
        self.shared = shared
        self.mailbox = mailbox
        loop = EventLoop(inputCapacity: (64 << 10) + Int(max(generation.configuration.limits.head.rawValue, 64 << 10)))
        composer = KeyComposer()
        world = try World(generation.configuration, groups: generation.groups)
        limits = generation.configuration.limits
        storeSettings = generation.configuration.store
        objectLimit = Int(storeSettings.object.rawValue)
        nextIdentifier = UInt64.random(in: .min ... .max)
        accessLog = AccessLogBuffer(sink: shared.accessLog)
        accessLog.format = generation.configuration.log.access
        openStores()
        mailSocket = mailbox.deliver(on: loop) { [unowned self] message in self.handle(message) }
        housekeeping = LoopTimer(loop: loop) { [unowned self] in self.keepHouse() }
        housekeeping?.schedule(afterMilliseconds: 1000)
        loop.turnEnded = { [unowned self] in turnEnded() }
    }

    func run() {
        loop.run()
        remote?.close()
    }

    // MARK: Time

    /// Wall time in whole seconds, as HTTP counts it.
    var instant: Instant { Instant(secondsSinceEpoch: loop.wallMilliseconds / 1000) }
    var wallTime: WallTime { WallTime(milliseconds: loop.wallMilliseconds) }

    func refreshDate() {
        let second = loop.wallMilliseconds / 1000
        guard second != dateSecond else { return }
        dateSecond = second
        var line = ByteBuffer(minimumCapacity: 64)
        line.append("Date: ")
        HTTPDate.append(second, to: &line)
        line.append("\r\n")
        dateLine = line.span.copied()
    }

    func appendDate() {
        refreshDate()
        scratch.append(dateLine)
    }

    /// A number that no other record has, on this machine or another.
    func newIdentifier() -> UInt64 {
        nextIdentifier &+= 0x9E37_79B9_7F4A_7C15
        return nextIdentifier
    }

    // MARK: Clients

    func listen(on descriptor: Int32, address: SocketAddress) {
        let listener = Listener(
            loop: loop, descriptor: descriptor, address: address,
            accepted: { [unowned self] descriptor, peer in accept(descriptor, peer) },
            refused: { [unowned self] code in
                counters.acceptFailures += 1
                shared.log.write(.error, "accepting on \(address) failed: \(errorText(code)); trying again in 100 ms")
            })
        listeners.append(listener)
    }

    private func accept(_ descriptor: Int32, _ peer: PeerAddress) {
        counters.accepted += 1
        let client = Client(worker: self, descriptor: descriptor, peer: peer)
        client.place = Int32(clients.count)
        clients.append(client)
        if !shared.clientArrived(limit: limits.clients) {
            counters.outcomes[Int(Outcome.tooManyClients.rawValue)] += 1
            client.turnAway()
        }
    }

    /// The client's connection has ended.
    func forget(_ client: Client) {
        let place = Int(client.place)
        guard place < clients.count, clients[place] === client else { return }
        let last = clients.removeLast()
        if last !== client {
            clients[place] = last
            last.place = Int32(place)
        }
        shared.clientLeft()
        if isDraining && clients.isEmpty { finishDraining() }
    }

    func trusts(_ peer: PeerAddress, in world: World) -> Bool {
        let ranges = world.configuration.server.trustedProxies
        guard !ranges.isEmpty, let address = IPAddress(peer) else { return false }
        return ranges.contains { $0.contains(address) }
    }

    // MARK: Transactions

    func takeTransaction() -> Transaction {
        if let rested = resting.popLast() {
            rested.world = world
            return rested
        }
        return Transaction(worker: self)
    }

    /// A fetch that is ready for `start()` but for its request.
    func takeFetch(consumer: Transaction, group: UpstreamGroup, method: HTTPWire.Method, isRequestComplete: Bool)
        -> Fetch
    {
        guard let rested = restingFetches.popLast() else {
            return Fetch(
                worker: self, consumer: consumer, group: group, method: method, isRequestComplete: isRequestComplete)
        }
        rested.prepare(consumer: consumer, group: group, method: method, isRequestComplete: isRequestComplete)
        return rested
    }

    /// Takes back a fetch that has ended. It may still be on the stack, so it serves again from the next turn on.
    func retire(_ fetch: Fetch) { retiredFetches.append(fetch) }

    private func turnEnded() {
        guard !retiredFetches.isEmpty else { return }
        for fetch in retiredFetches where restingFetches.count < Self.restingFetchLimit { restingFetches.append(fetch) }
        retiredFetches.removeAll(keepingCapacity: true)
    }

    func giveBack(_ transaction: Transaction) {
        transaction.reset()
        if resting.count < Self.restingLimit { resting.append(transaction) }
    }

    /// Counts and logs a request that is over.
    func account(_ transaction: Transaction) {
        counters.outcomes[Int(transaction.outcome.rawValue)] += 1
        if let reason = transaction.notStoredReason ?? transaction.reason {
            counters.reasons[Int(reason.rawValue)] += 1
        }
        let hundreds = transaction.status / 100
        if hundreds < counters.statusClasses.count { counters.statusClasses[hundreds] += 1 }
        transaction.entry?.counters.bytes += transaction.bodyBytes
        if accessLog.format != .off {
            accessLog.append(transaction, now: loop.now, wallMilliseconds: loop.wallMilliseconds)
        }
    }

    /// A peer's address as text, without the port; empty for a unix socket. Valid until the next call.
    func text(of peer: PeerAddress) -> [UInt8] {
        peerText.removeAll(keepingCapacity: true)
        peer.appendHost(to: &peerText)
        return peerText
    }

    func appendCacheStatus(_ member: CacheStatus) {
        cacheStatusText.removeAll(keepingCapacity: true)
        member.append(to: &cacheStatusText)
        let text = cacheStatusText
        Forwarding.appendField("Cache-Status", text.span, to: &scratch)
    }

    // MARK: Names

    /// Remembers a fetch whose server's name is being looked up.
    func wait(for fetch: Fetch, attempt: Int) -> UInt64 {
        nextTicket &+= 1
        waitingFetches[nextTicket] = (fetch, attempt)
        return nextTicket
    }

    func stopWaiting(_ ticket: UInt64) { waitingFetches[ticket] = nil }

    // MARK: Stores

    var isStoring: Bool { memory != nil || remote != nil }

    private func openStores() {
        memory = storeSettings.usesMemory ? shared.memory : nil
        copyLifeMilliseconds = storeSettings.tieredLife.rawValue
        remote?.close()
        remote = nil
        if storeSettings.usesRedis, let endpoint = storeSettings.redis {
            remote = openRedis(endpoint, storeSettings)
        }
    }

    /// Puts a record into every store that this worker has.
    func put(_ key: CacheKey, _ response: StoredResponse) {
        if let remote {
            remote.store(key, response, now: wallTime)
            if let memory { keepCopy(response, key: key, in: memory) }
        } else {
            memory?.store(key, response)
        }
    }

    /// Keeps what Redis held in memory too, for a short life (`store.tiered_life`): nothing tells this process yet when
    /// Redis's own entry goes.
    func keepCopy(_ response: StoredResponse, key: CacheKey) {
        if let memory { keepCopy(response, key: key, in: memory) }
    }

    private func keepCopy(_ response: StoredResponse, key: CacheKey, in memory: MemoryStore) {
        guard copyLifeMilliseconds > 0 else { return }
        let until = min(response.discardAt, wallTime.advanced(byMilliseconds: copyLifeMilliseconds))
        guard until < response.discardAt else {
            _ = memory.store(key, response)
            return
        }
        var description = response.description
        description.discardAt = until
        // The copy shares the body; a marker is small enough to be made again.
        let copy: StoredResponse? =
            switch response.kind {
            case .response: response.refreshed(description, head: response.head)
            case .varyMarker:
                StoredResponse.varyMarker(
                    generation: response.id, discardAt: until, facts: response.facts, keyText: response.keyText,
                    names: response.varyNames)
            }
        if let copy { memory.store(key, copy) }
    }

    /// Removes records everywhere this worker can.
    func drop(_ keys: [CacheKey]) {
        for key in keys { memory?.remove(key) }
        counters.invalidated += keys.count
        remote?.remove(keys, receiver: nil, token: 0)
    }

    /// Drops what GET and HEAD of a URL are answered with.
    func invalidate(url: String, in world: World) {
        do throws(SyntheticRequestFault) {
            let request = try SyntheticRequest(url: url)
            try composer.compose(request, by: world.table)
            let digest = composer.digest
            drop([CacheKey(high: digest.high, low: digest.low)])
        } catch {
            // A URL that no request could have is stored nowhere.
        }
    }

    // MARK: Control

    private func handle(_ message: WorkerMessage) {
        switch message {
        case .located(let ticket, let failure):
            guard let (fetch, attempt) = waitingFetches.removeValue(forKey: ticket) else { return }
            fetch.located(failure: failure, attempt: attempt)
        case .adopt(let generation): adopt(generation)
        case .report(let answer):
            counters.routes = world.entries.map(\.counters)
            counters.clients = clients.count
            counters.activeRequests = clients.reduce(0) { $0 + ($1.isIdle ? 0 : 1) }
            counters.originConnections = origins.openCount
            counters.idleOriginConnections = origins.idleCount
            counters.originConnects = origins.opened
            counters.originReuses = origins.reused
            counters.logLinesDropped = accessLog.dropped
            if let remote { counters.remote = remote.figures }
            answer(counters, remote?.state)
        case .errand(let errand, let answer): StoreErrandRunner(worker: self, errand: errand, answer: answer).run()
        case .drain(let deadline): drain(until: deadline)
        case .stop: loop.stop()
        }
    }

    /// The new world takes over between two requests; those under way keep theirs.
    private func adopt(_ generation: Generation) {
        guard let next = try? World(generation.configuration, groups: generation.groups, previous: world) else {
            shared.log.write(.error, "a worker could not take on the new configuration and keeps the old one")
            return
        }
        world = next
        limits = generation.configuration.limits
        accessLog.format = generation.configuration.log.access
        let store = generation.configuration.store
        objectLimit = Int(store.object.rawValue)
        if store != storeSettings {
            storeSettings = store
            openStores()
        }
        for (descriptor, address) in generation.takeListeners(for: index) { listen(on: descriptor, address: address) }
        listeners.removeAll { listener in
            guard !generation.keeps(listener.address) else { return false }
            listener.close()
            return true
        }
    }

    /// Accepts nothing more; each connection ends with its next answer, idle ones after a moment in which a request
    /// that is on its way still gets one.
    private func drain(until deadline: MonotonicTime) {
        guard !isDraining else { return }
        isDraining = true
        for listener in listeners { listener.close() }
        listeners = []
        for client in clients where client.isIdle { client.setDeadline(afterMilliseconds: Self.drainIdleMilliseconds) }
        if clients.isEmpty { return finishDraining() }
        let timer = LoopTimer(loop: loop) { [unowned self] in self.finishDraining() }
        timer.schedule(afterMilliseconds: max(1, deadline.milliseconds(since: MonotonicTime.now())))
        drainTimer = timer
    }

    private var drainTimer: LoopTimer?

    private func finishDraining() {
        if !clients.isEmpty {
            shared.log.write(.warning, "worker \(index) stops with \(clients.count) connections still open")
        }
        accessLog.flush()
        loop.stop()
    }

    private func keepHouse() {
        if index == 0 { memory?.sweep(limit: 4096, now: wallTime) }
        accessLog.flush()
        if resting.count > 64 { resting.removeLast(resting.count / 4) }
        housekeeping?.schedule(afterMilliseconds: 1000)
    }
}

extension IPAddress {
    /// Nil for a unix socket's peer.
    init?(_ peer: PeerAddress) {
        switch peer.family {
        case .ipv4: self = .v4(UInt32(truncatingIfNeeded: peer.low))
        case .ipv6: self = IPAddress.v6(UInt128(peer.high) << 64 | UInt128(peer.low)).unmapped
        case .unix: return nil
        }
    }
}
