// A client's connection: its requests one after another, each parsed from the loop's shared input buffer, pipelined ones
// answered in order. Idle, it owns nothing but itself.

import Bytes
import EventLoop
import HTTPWire

final class Client: Socket {
    private enum Phase: UInt8 {
        /// Between two requests, or within a head.
        case receivingHead
        case inTransaction
        /// The last answer is sent; what the client still sends is read and dropped, so that a reset doesn't overtake
        /// the answer (RFC 9112 §9.6).
        case lingering
    }

    private let worker: Worker
    let peer: PeerAddress
    private var transaction: Transaction?
    /// Read and not yet used: a part of a head, or what came after a request that is in progress.
    private var kept: [UInt8] = []
    /// Its place in the worker's list.
    var place: Int32 = 0
    private var requests: Int32 = 0
    private var lingered: Int32 = 0
    private var phase = Phase.receivingHead
    /// Whether the last request was answered from the input buffer, and what follows its head is still there alone.
    private var endedInPlace = false
    private var isProcessing = false
    private var hasPartialHead = false
    private var hasPeerEnded = false

    /// More than this of pipelined requests isn't read ahead.
    private static let aheadLimit = 64 << 10
    private static let lingerMilliseconds: Int64 = 2_000
    private static let lingerBytes: Int32 = 4 << 20

    init(worker: Worker, descriptor: Int32, peer: PeerAddress) {
        self.worker = worker
        self.peer = peer
        super.init(loop: worker.loop, descriptor: descriptor)
        wait(for: .read)
        setDeadline(afterMilliseconds: worker.limits.headTimeout.rawValue)
    }

    /// Nothing new is begun from now on: what is idle, within a head, or only lingering has a moment.
    func drainBegan() {
        if phase != .inTransaction { setDeadline(afterMilliseconds: Worker.drainIdleMilliseconds) }
    }

    var isIdle: Bool { phase == .receivingHead && kept.isEmpty && transaction == nil }

    /// Whether the answer in the making is this connection's last.
    var mustClose: Bool {
        worker.isDraining || Int(requests) >= worker.runtime.requestsPerConnection || hasPeerEnded && kept.isEmpty
    }

    // MARK: Reading requests

    override func readable() {
        switch phase {
        case .receivingHead: readRequests()
        case .inTransaction: transaction?.clientReadable()
        case .lingering: drop()
        }
    }

    private func readRequests() {
        let before = kept.count
        restoreKept()
        switch receive(after: before) {
        case .wouldBlock: return
        case .bytes(let count):
            kept.removeAll(keepingCapacity: before > 0)
            process(count: before + count)
        case .ended, .failed: leave()
        }
    }

    /// Puts what was kept at the front of the input buffer.
    private func restoreKept() {
        let kept = self.kept
        if !kept.isEmpty { loop.input.restore(kept.span) }
    }

    /// Takes requests from the first `count` bytes of the input buffer until one has to wait.
    private func process(count total: Int) {
        var count = total
        var start = 0
        isProcessing = true
        defer { isProcessing = false }
        while start < count && isOpen && phase == .receivingHead {
            let transaction = self.transaction ?? worker.takeTransaction()
            self.transaction = transaction
            let input = loop.input
            let bytes = input.span(count: count).extracting(start...)
            do throws(WireError) {
                guard try transaction.head.parse(bytes, limits: transaction.runtime.headLimits) else {
                    // The deadline is for the whole head, from its first byte on.
                    if !hasPartialHead { setDeadline(afterMilliseconds: worker.limits.headTimeout.rawValue) }
                    hasPartialHead = true
                    kept = bytes.copied()
                    wait(for: .read)
                    return
                }
            } catch {
                hasPartialHead = false
                requests &+= 1
                phase = .inTransaction
                transaction.beginMalformed(client: self, error)
                return
            }
            hasPartialHead = false
            requests &+= 1
            phase = .inTransaction
            let length = transaction.head.length
            transaction.begin(client: self, start: start, end: count)
            guard isOpen, phase == .receivingHead else { return }
            if endedInPlace {
                start += length
            } else {
                // Its content, if it had any, has been taken: what follows is what is kept, which may be nothing.
                restoreKept()
                count = kept.count
                start = 0
                kept.removeAll(keepingCapacity: true)
            }
        }
        if isOpen && phase == .receivingHead { becomeIdle() }
    }

    private func becomeIdle() {
        if !kept.isEmpty { return }
        kept = []
        if hasPeerEnded { return leave() }
        wait(for: .read)
        // An answer that began before the drain didn't say that it was the last: a request may be on its way.
        setDeadline(
            afterMilliseconds: worker.isDraining ? Worker.drainIdleMilliseconds : worker.limits.idleTimeout.rawValue)
    }

    /// One client too many: told so, and closed.
    func turnAway() {
        let transaction = worker.takeTransaction()
        self.transaction = transaction
        phase = .inTransaction
        transaction.beginTurnedAway(client: self)
    }

    // MARK: What a transaction asks of its connection

    /// Keeps bytes that follow the request's head: content, or the next request.
    func keep(_ bytes: Span<UInt8>) { kept.append(bytes) }

    func takeKept() -> [UInt8] {
        let taken = kept
        kept = []
        return taken
    }

    /// How many bytes more may be read ahead of their use.
    var roomAhead: Int { Self.aheadLimit - kept.count }

    /// Pipelined bytes; reading pauses when there are many.
    func keepAhead(_ bytes: Span<UInt8>) {
        kept.append(bytes)
        if kept.count >= Self.aheadLimit { wait(for: .none) }
    }

    /// The client has closed its sending side: it may still read.
    func peerEnded() {
        hasPeerEnded = true
        if interest == .read { wait(for: .none) } else if interest == .readAndWrite { wait(for: .write) }
    }

    /// RFC 9110 §10.1.1, where Larder itself reads the content first.
    func sendContinue() {
        let line: [UInt8] = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)
        _ = send(line.span)
    }

    func awaitContent() {
        wait(for: .read)
        setDeadline(afterMilliseconds: worker.limits.readTimeout.rawValue)
    }

    func awaitRoom() {
        wait(for: .write)
        setDeadline(afterMilliseconds: worker.limits.writeTimeout.rawValue)
    }

    func awaitTunnel() {
        if interest != .write { wait(for: .read) }
        setDeadline(afterMilliseconds: worker.limits.tunnelTimeout.rawValue)
    }

    /// The origin can take no more content for now.
    func awaitNothingToRead() {
        if interest == .read { wait(for: .none) }
        clearDeadline()
    }

    /// The next move is the origin's or the store's; a client that closes is noticed.
    func awaitNothing() {
        clearDeadline()
        wait(for: hasPeerEnded || kept.count >= Self.aheadLimit ? .none : .read)
    }

    // MARK: Ends

    /// The answer is sent.
    func transactionEnded(_ ended: Transaction, ends: Bool) {
        let leftUnread = !ended.content.isComplete
        endedInPlace = !ended.isDetached
        transaction = nil
        worker.giveBack(ended)
        phase = .receivingHead
        if ends {
            if Int(requests) >= worker.runtime.requestsPerConnection {
                worker.counters.requestsPerConnectionReached += 1
            }
            kept = []
            return linger(forUnread: leftUnread)
        }
        guard !isProcessing else { return }
        if kept.isEmpty { return becomeIdle() }
        restoreKept()
        let count = kept.count
        kept.removeAll(keepingCapacity: true)
        process(count: count)
    }

    /// The answer can't be sent, or can't be completed.
    func transactionBroke(_ broken: Transaction) {
        transaction = nil
        worker.giveBack(broken)
        leave()
    }

    /// The answer can't be sent any more, but its fetch goes on for others.
    func transactionLeft(_ left: Transaction) {
        transaction = nil
        leave()
    }

    private func linger(forUnread: Bool) {
        guard isOpen else { return leave() }
        phase = .lingering
        shutDownSending()
        if hasPeerEnded { return leave() }
        wait(for: .read)
        setDeadline(afterMilliseconds: worker.isDraining ? Worker.drainLingerMilliseconds : Self.lingerMilliseconds)
    }

    private func drop() {
        while true {
            switch receive() {
            case .wouldBlock: return
            case .ended, .failed: return leave()
            case .bytes(let count):
                lingered &+= Int32(clamping: count)
                if lingered > Self.lingerBytes { return leave() }
                if count < loop.input.capacity { return }
            }
        }
    }

    /// Closes the connection and forgets it.
    func leave() {
        if let transaction {
            self.transaction = nil
            if transaction.outlivesClient {
                transaction.leaveBehind()
            } else {
                transaction.endFetch()
                worker.giveBack(transaction)
            }
        }
        worker.forget(self)
        close()
    }

    override func writable() {
        guard phase == .inTransaction else { return }
        transaction?.clientWritable()
    }

    override func deadlinePassed() {
        switch phase {
        case .lingering: leave()
        case .receivingHead:
            guard hasPartialHead, let transaction else {
                worker.counters.idleClosed += 1
                return leave()
            }
            phase = .inTransaction
            kept = []
            transaction.beginTimedOut(client: self)
        case .inTransaction: transaction?.clientDeadlinePassed()
        }
    }
}
