// A worker: one event loop on one thread, with its clients, its connections to origins, its view of the stores and its
// counters. Workers share the memory store, the servers' health and the logs; nothing else.

import Bytes
import CacheStorage
import Configuration
import EventLoop
import HTTPCaching
import HTTPSemantics
import HTTPWire
import Origins
import Routing

/// What reaches a worker from other threads.
enum WorkerMessage: Sendable {
    case adopt(ConfigurationUpdate)
    case report(@Sendable (Counters, StoreState?) -> Void)
    case command(StoreCommand, answer: @Sendable (StoreCommandResult) -> Void)
    case explain(DescribedRequest, answer: @Sendable (Explanation) -> Void)
    case flightMoved(Flight)
    case flightNeedsLeader(Flight)
    case drain(deadline: MonotonicTime)
    case stop
}

package final class Worker {
    package let index: Int
    let loop: EventLoop
    let shared: SharedState
    let mailbox: Mailbox<WorkerMessage>
    var runtime: RuntimeConfiguration
    var limits: Limits
    var composer: KeyComposer
    let origins: OriginAccess
    var counters = Counters()

    /// Everything that is stored is reached through it.
    let cache: Cache
    var storeSettings: StoreSettings

    // Buffers that every answer is put together in.
    var scratch = ByteBuffer(minimumCapacity: 16 << 10)
    let lineEnd: [UInt8] = Array("\r\n".utf8)
    /// `Date: …` and CRLF, made anew each second.
    var dateLine: [UInt8] = []
    var dateSecond: Int64 = -1
    let accessLog: AccessLogBuffer

    var listeners: [Listener] = []
    var clients: [Client] = []
    var resting: [Transaction] = []
    var nextIdentifier: UInt64
    var isDraining = false
    var mailSocket: Socket?
    var housekeeping: LoopTimer?
    var drainTimer: LoopTimer?

    /// Requests that wait for, or read from, a flight.
    var followers: [ObjectIdentifier: [Transaction]] = [:]
    /// Leaders of flights that their followers may have something to tell.
    var leaders: [ObjectIdentifier: Transaction] = [:]
    /// Refreshes under way.
    var refreshes = 0
    /// A part of a body that is on its way from a flight to a client.
    var window = ByteBuffer(minimumCapacity: 1024)
    private var randomState: UInt64

    var peerText: [UInt8] = []
    var cacheStatusText: [UInt8] = []

    /// What one read takes beside a head that is incomplete.
    static let readSize = 64 << 10
    static let restingLimit = 1024
    /// How long an idle connection is kept in a drain, for a request that is on its way.
    static let drainIdleMilliseconds: Int64 = 1000
    /// How long a connection lingers after its last answer in a drain.
    static let drainLingerMilliseconds: Int64 = 500

    /// Made on the worker's own thread.
    init(index: Int, shared: SharedState, update: ConfigurationUpdate, mailbox: Mailbox<WorkerMessage>) throws {
        self.index = index
        self.shared = shared
        self.mailbox = mailbox
        loop = EventLoop(
            inputCapacity: Self.readSize + Int(max(update.configuration.limits.head.rawValue, Int64(Self.readSize)))
        )
        composer = KeyComposer()
        runtime = try RuntimeConfiguration(
            update.configuration, groups: update.groups, largestHead: loop.input.capacity - Self.readSize)
        origins = OriginAccess(loop: loop, resolver: shared.resolver, headLimits: runtime.headLimits)
        limits = update.configuration.limits
        storeSettings = update.configuration.store
        cache = Cache(shared.stores, objectLimit: Int(storeSettings.object.rawValue))
        nextIdentifier = UInt64.random(in: .min ... .max)
        randomState = nextIdentifier | 1
        accessLog = AccessLogBuffer(sink: shared.accessLog)
        accessLog.format = update.configuration.log.access
        openStores()
        mailSocket = mailbox.deliver(on: loop) { [unowned self] message in self.handle(message) }
        housekeeping = LoopTimer(loop: loop) { [unowned self] in self.runHousekeeping() }
        housekeeping?.schedule(afterMilliseconds: 1000)
        loop.turnEnded = { [origins] in origins.turnEnded() }
    }

    func run() {
        loop.run()
        cache.close()
    }

    // MARK: Time

    var instant: Instant { Instant(milliseconds: loop.wallMilliseconds) }
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

    /// What every forwarded response gets: `Date` where the origin left it out, and this hop in `Via`.
    func appendDateAndVia(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        if !response.contains(.date) { appendDate() }
        Forwarding.appendVia(
            minorVersion: response.minorVersion, lines: response.fields, isPresent: response.contains(.via), bytes,
            to: &scratch)
    }

    /// A number that no other record has, on this machine or another.
    func newIdentifier() -> UInt64 {
        nextIdentifier &+= 0x9E37_79B9_7F4A_7C15
        return nextIdentifier
    }

    /// Separates the parts of one answer: nobody can have put it into the content.
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

    // MARK: Transactions

    func takeTransaction() -> Transaction {
        if let rested = resting.popLast() {
            rested.runtime = runtime
            return rested
        }
        return Transaction(worker: self)
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

    /// For an answer of Larder's own.
    /// - Parameter member: nil where the origin was not asked.
    func appendCacheStatus(_ member: CacheStatus?, detail: StaticString) {
        cacheStatusText.removeAll(keepingCapacity: true)
        if let member { member.append(to: &cacheStatusText) } else { cacheStatusText += Array("larder".utf8) }
        cacheStatusText += Array("; detail=\(detail)".utf8)
        let text = cacheStatusText
        Forwarding.appendField("Cache-Status", text.span, to: &scratch)
    }
}
