// A worker: one event loop on one thread, with its clients, its connections to origins, its view of the stores, its fills and
// its counters. Workers share what their caches share, the table of fills, the servers' health and the logs; nothing else.

import Bytes
import CacheStorage
import Clients
import Configuration
import EventLoop
import HTTPCaching
import HTTPWire
import Origins
import Routing

package final class Worker {
    package let index: Int
    let loop: EventLoop
    let shared: SharedState
    let mailbox: Mailbox<WorkerMessage>
    var runtime: RuntimeConfiguration
    var counters = Counters()
    var toldLimits = ToldLimits()

    /// Everything that is stored is reached through it.
    let cache: Cache
    var storeSettings: StoreSettings
    let origins: OriginAccess
    let fills: FillService
    let writer: ResponseHeadWriter
    /// Set once, at the end of `init`: handlers are made by the worker itself.
    private(set) var clients: ClientConnections!
    let accessLog: AccessLogBuffer
    /// TLS of the listeners that have it, by the address as the file has it.
    var security: [ListenAddress: WorkerSecurity] = [:]
    /// Of the addresses that clients have come by.
    var listenerTraits: [(address: SocketAddress, traits: ListenerTraits?)] = []

    private var mailSocket: Socket?
    private var noticeSocket: Socket?
    private var housekeeping: LoopTimer?
    var drainTimer: LoopTimer?
    /// Once it stops: until when it waits for Redis to confirm what was invalidated last.
    var confirmationEnd: MonotonicTime?

    /// Requests of this worker that wait for, or read from, a feed.
    private var readers: [ObjectIdentifier: [Transaction]] = [:]
    /// A part of a body that is on its way from a feed to a client.
    var window = ByteBuffer(minimumCapacity: 1024)
    private var randomState = UInt64.random(in: .min ... .max) | 1

    /// What one read takes beside a head that is incomplete.
    static let readSize = 64 << 10

    /// Made on the worker's own thread.
    init(index: Int, shared: SharedState, update: ConfigurationUpdate, mailbox: Mailbox<WorkerMessage>) throws {
        self.index = index
        self.shared = shared
        self.mailbox = mailbox
        loop = EventLoop(
            inputCapacity: Self.readSize + Int(max(update.configuration.limits.head.rawValue, Int64(Self.readSize)))
        )
        let runtime = try RuntimeConfiguration(
            update.configuration, groups: update.groups, gates: update.gates,
            largestHead: loop.input.capacity - Self.readSize, pseudonym: shared.pseudonym)
        self.runtime = runtime
        storeSettings = update.configuration.store
        cache = Cache(shared.stores, objectLimit: Int(storeSettings.object.rawValue))
        let origins = OriginAccess(loop: loop, resolver: shared.resolver, headLimits: runtime.headLimits)
        self.origins = origins
        let writer = ResponseHeadWriter(loop: loop)
        self.writer = writer
        fills = FillService(
            index: index, loop: loop, cache: cache, budget: shared.memory, table: shared.fills,
            searchRules: shared.searchRules, lastResponses: shared.lastResponses, dateLine: { writer.dateLine },
            makeSource: { asked, fill in origins.exchange(for: asked, of: fill) })
        accessLog = AccessLogBuffer(sink: shared.accessLog)
        accessLog.format = update.configuration.log.access
        clients = ClientConnections(
            loop: loop, writer: writer, limits: runtime.clientLimits(shared.descriptors), total: shared.clients,
            memory: shared.memory,
            makeHandler: { [unowned self] in Transaction(worker: self) },
            makeMessage: { [unowned self] in AdmittedRequest(on: loop, runtime) })
        prepareProxyProtocol()
        prepareTLS(update)
        clients.clientLeft = { [unowned self] in endDrainIfDone() }
        fills.fillEnded = { [unowned self] in endDrainIfDone() }
        cache.keepsCopiesLonger = runtime.servesKept
        openStores(update)
        mailSocket = mailbox.deliver(on: loop) { [unowned self] message in handle(message) }
        noticeSocket = fills.mailbox.deliver(on: loop) { [unowned self] notice in handle(notice) }
        housekeeping = LoopTimer(loop: loop) { [unowned self] in runHousekeeping() }
        housekeeping?.schedule(afterMilliseconds: 1000)
        loop.turnEnded = { [unowned self, memory = shared.memory] in
            origins.turnEnded()
            if memory.shortages > 0 { relieveMemory() }
        }
        cache.writesNeedSettling = { [unowned self] in
            loop.atEndOfTurn { [unowned self] in cache.settleWrites(now: wallTime) }
        }
    }

    func run() {
        loop.run()
        cache.close()
    }

    /// The time by the process's clock, which never goes back, as HTTP's decisions and as the stores take it.
    var instant: Instant { Instant(milliseconds: loop.clockMilliseconds) }
    var wallTime: WallTime { WallTime(milliseconds: loop.clockMilliseconds) }

    /// Separates the parts of one response: nobody can have put it into the content.
    func newBoundary() -> [UInt8] {
        let letters = Array("0123456789abcdefghijklmnopqrstuv".utf8)
        return (0..<24).map { _ in letters[Int.random(in: letters.indices)] }
    }

    /// Good enough to spread decisions; xorshift64*.
    func random() -> UInt32 {
        randomState ^= randomState >> 12
        randomState ^= randomState << 25
        randomState ^= randomState >> 27
        return UInt32(truncatingIfNeeded: (randomState &* 0x2545_F491_4F6C_DD1D) >> 32)
    }

    // MARK: Memory

    private var shortagesSeen = 0
    private var relieved = MonotonicTime(milliseconds: 0)
    /// How often clients are looked through for those that hold most.
    private static let reliefMilliseconds: Int64 = 100

    /// Memory for responses is short: clients that don't read hold at most half of it, this worker's their part of that. What
    /// is arriving has the rest.
    private func relieveMemory() {
        let shortages = shared.memory.shortages
        guard shortages != shortagesSeen, loop.now.milliseconds(since: relieved) >= Self.reliefMilliseconds else {
            return
        }
        shortagesSeen = shortages
        relieved = loop.now
        clients.relieve(downTo: shared.memory.bytes / 2 / shared.workerCount)
    }

    func scheduleHousekeeping() { housekeeping?.schedule(afterMilliseconds: 1000) }

    // MARK: Requests

    /// Counts and logs a request that is over.
    func account(_ transaction: Transaction) {
        let reason = transaction.served.notStoredReason ?? transaction.selection.reason
        counters.outcomes[Int(transaction.served.outcome.rawValue)] += 1
        if let reason { counters.reasons[Int(reason.rawValue)] += 1 }
        let hundreds = transaction.served.status / 100
        if hundreds < counters.statusClasses.count { counters.statusClasses[hundreds] += 1 }
        guard let request = transaction.request, let stream = transaction.stream else { return }
        request.entry?.counters.bytes += stream.bodyCount
        if case .off = accessLog.format {
            if let fault = transaction.served.wireFault, fault.sender == .client { tellRefusal(request, fault) }
            return
        }
        let served = transaction.served
        accessLog.append(
            AccessLogEntry(
                message: request, client: request.client,
                identifier: accessLog.format == .json ? request.identifier : nil, status: served.status,
                bytes: stream.bodyCount, verdict: served.verdict, outcome: served.outcome, reason: reason,
                fault: served.wireFault),
            now: loop.now, wallMilliseconds: loop.wallMilliseconds)
    }

    /// Without an access log nothing else tells of a request that was refused for its bytes.
    private func tellRefusal(_ request: AdmittedRequest, _ fault: WireError) {
        let client = request.client
        let received = request.unreadable.isEmpty ? "" : ", received \"\(EscapedText.of(request.unreadable))\""
        shared.log.write(
            .info, about: "refused request",
            "refused a request from \(client.nameInLog): \(fault.code): \(fault.sentence)\(received)",
            now: loop.now)
    }

    // MARK: Readers of feeds

    func startReading(_ feed: FillFeed, _ transaction: Transaction) {
        readers[ObjectIdentifier(feed), default: []].append(transaction)
    }

    func stopReading(_ feed: FillFeed, _ transaction: Transaction) {
        let identifier = ObjectIdentifier(feed)
        // Out of the dictionary while it changes, so that it isn't copied.
        guard var reading = readers.removeValue(forKey: identifier) else { return }
        if let place = reading.lastIndex(where: { $0 === transaction }) {
            reading.swapAt(place, reading.count - 1)
            reading.removeLast()
        }
        if !reading.isEmpty { readers[identifier] = reading }
    }

    private func handle(_ notice: FillFeed.Notice) {
        switch notice {
        case .moved(let feed):
            feed.acknowledge(worker: index)
            // Those that leave change the list, and may have a new life by the time it is their turn.
            for transaction in readers[ObjectIdentifier(feed)] ?? [] { transaction.feedMoved(feed) }
        case .needsFill(let feed): fills.needsFill(feed)
        case .keyChanged(let key): fills.keyHasChanged(key)
        }
    }
}

extension OriginAccess {
    /// The exchange for a fill's request, which is still to be started.
    fileprivate func exchange(for asked: OriginRequest, of fill: Fill) -> any FillSource {
        guard let entry = asked.request.entry else { preconditionFailure("a request has its route before its fill") }
        let exchange = exchange(
            with: entry.group, limits: entry.exchangeLimits, key: asked.request.balanceKey,
            method: asked.request.head.method, content: asked.contentSize, isRequestComplete: true,
            isConditional: asked.isConditional, delegate: fill)
        exchange.transform = asked.coder(fill.service)
        exchange.admission = asked.admission
        asked.append(to: &exchange.request)
        exchange.namesServer = asked.namesServer
        return exchange
    }
}
