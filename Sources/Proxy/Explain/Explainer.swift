// Tells what would become of a request that nobody sent: it is run through its own steps on a worker (route, admit, key,
// look-up, decision), so that no second account of them can go astray, and is stopped where it would act on others:
// before it waits for a fetch, asks an origin, or answers. Nothing is counted, kept, or begun for it.

import Bytes
import CacheStorage
import HTTPCaching
import HTTPWire
import Routing

/// A request that is described to be explained.
package struct DescribedRequest: Sendable {
    /// A complete head, as a client would send it.
    let bytes: [UInt8]
    let scheme: URIScheme
    let content: [UInt8]

    /// - Parameters:
    ///   - bytes: a head that has been parsed already, with the framing of exactly `content`.
    ///   - content: all of it, without chunks; empty where there is none.
    package init(bytes: [UInt8], scheme: URIScheme, content: [UInt8]) {
        self.bytes = bytes
        self.scheme = scheme
        self.content = content
    }
}

/// Has one described request explained. Belongs to its worker; the request and this hold each other until it is answered.
final class Explainer {
    private let request: DescribedRequest
    private let answer: @Sendable (Explanation) -> Void
    /// Why what is stored would be renewed in the background beside the answer.
    private(set) var refresh: Reason?

    init(_ request: DescribedRequest, answer: @escaping @Sendable (Explanation) -> Void) {
        self.request = request
        self.answer = answer
    }

    func run(on worker: Worker) {
        let transaction = Transaction(worker: worker)
        transaction.explainer = self
        transaction.isDetached = true
        transaction.headCopy.append(request.bytes)
        transaction.began = worker.loop.now
        transaction.scheme = request.scheme
        let content = request.content
        do throws(WireError) {
            try transaction.takeDescribed(content: content.span)
        } catch {
            transaction.wireFault = error
            _ = transaction.refuse(.malformed)
            return
        }
        transaction.resume(at: .route)
    }

    /// The request would go on with a step that acts.
    func end(_ transaction: Transaction, before step: Step) {
        finish(transaction, step == .deliver ? .answered : .forwarded(mayShare: step == .join))
    }

    /// It would be answered by Larder itself.
    func refused(_ transaction: Transaction, _ outcome: Outcome, status: Int? = nil) -> Progress {
        let wire = outcome == .malformed ? transaction.wireFault : nil
        finish(transaction, .refused(outcome, status: status ?? wire?.status ?? outcome.status, wire))
        return .done
    }

    func noteRefresh(_ reason: Reason) { refresh = reason }

    private func finish(_ transaction: Transaction, _ end: Explanation.End) {
        let explanation = Explanation(transaction, end, refresh: refresh)
        transaction.explainer = nil
        answer(explanation)
    }
}

extension Step {
    /// Whether others notice that it is run: origins, other requests, a client.
    var acts: Bool {
        switch self {
        case .route, .admit, .readKeyedBody, .key, .lookUp, .decide: false
        case .join, .fetch, .deliver: true
        }
    }
}

extension Transaction {
    /// Whether anybody still waits for it: a client that gets its answer, or one who wants it explained.
    var isLive: Bool { client != nil || explainer != nil }

    /// For a step that would answer from a record right away: whether it was explained instead.
    func isExplained(_ record: StoredResponse) -> Bool {
        guard let explainer else { return false }
        stored = record
        explainer.end(self, before: .deliver)
        return true
    }

    /// What a client's connection does for a request: its head from the bytes kept, and its content, which is all there.
    fileprivate func takeDescribed(content sent: Span<UInt8>) throws(WireError) {
        let bytes = self.bytes
        guard try head.parse(bytes, limits: runtime.headLimits) else {
            preconditionFailure("a described request's head was parsed before, and is complete")
        }
        content.begin(head.framing)
        var position = 0
        while let range = try content.next(sent, from: &position) {
            content.collected.append(sent.extracting(range))
        }
    }

    /// What memory has, without a trace there where this is only explained.
    @inline(__always)
    func lookInMemory(for keyText: Span<UInt8>, _ now: WallTime) -> StoredResponse? {
        let cache = worker.cache
        return explainer == nil
            ? cache.lookUpInMemory(key, keyText: keyText, now: now)
            : cache.peekInMemory(key, keyText: keyText, now: now)
    }
}
