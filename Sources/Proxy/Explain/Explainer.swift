// Tells what would become of a request that nobody sent: it is run through its own steps on a worker (route, admit, key,
// look-up, decision), so that no second account of them can go astray, and is stopped where it would act on others:
// before it waits for a fill, asks an origin, or responds. Nothing is counted, kept, or begun for it.

import Bytes
import Clients
import HTTPCaching
import HTTPWire
import Routing

/// Has one described request explained. Belongs to its worker; the request and this hold each other until it is answered.
final class Explainer {
    private let request: DescribedRequest
    private let done: @Sendable (Explanation) -> Void
    /// Why what is stored would be refreshed in the background beside the response.
    private(set) var refresh: Reason?

    init(_ request: DescribedRequest, done: @escaping @Sendable (Explanation) -> Void) {
        self.request = request
        self.done = done
    }

    func run(on worker: Worker) {
        let described = request
        let asked = AdmittedRequest(described: described.bytes.span, on: worker.loop, worker.runtime)
        asked.scheme = described.scheme
        let transaction = Transaction(worker: worker)
        transaction.explainer = self
        transaction.request = asked
        do throws(WireError) {
            try asked.complete(content: described.content.span, limits: worker.runtime.headLimits)
        } catch {
            transaction.served.wireFault = error
            _ = transaction.refuse(.malformed)
            return
        }
        transaction.resume(at: .route)
    }

    /// The request would go on with a step that acts.
    func end(_ transaction: Transaction, before step: Step) {
        let (entry, key) = (transaction.request.entry, transaction.selection.keys.key)
        if step != .deliver, entry?.isHeldBack(at: key, in: transaction.worker.cache) == true {
            return endHeldBack(transaction)
        }
        finish(transaction, step == .deliver ? .answered : .forwarded(mayShare: step == .join))
    }

    /// The upstream would not be asked, as the store is down: what is stored serves, where nothing forbids it.
    private func endHeldBack(_ transaction: Transaction) {
        guard transaction.selection.stored != nil, transaction.selection.fallback.contains(.onDisconnect) else {
            transaction.served.verdict = .bypass
            return finish(transaction, .refused(.storeDown, status: Outcome.storeDown.status, nil))
        }
        transaction.selection.isValidating = false
        transaction.selection.reason = .keptWhileStoreDown
        transaction.served.verdict = .stale
        finish(transaction, .answered)
    }

    /// Larder would respond itself.
    func refused(_ transaction: Transaction, _ outcome: Outcome, status: Int? = nil) -> Progress {
        let wire = outcome == .malformed ? transaction.served.wireFault : nil
        finish(transaction, .refused(outcome, status: status ?? wire?.status ?? outcome.status, wire))
        return .done
    }

    func noteRefresh(_ reason: Reason) { refresh = reason }

    private func finish(_ transaction: Transaction, _ end: Explanation.End) {
        let explanation = Explanation(transaction, end, refresh: refresh)
        transaction.explainer = nil
        done(explanation)
    }
}

extension Step {
    /// Whether others notice that it is run: origins, other requests, a client.
    var acts: Bool {
        switch self {
        case .route, .admit, .readKeyedContent, .key, .lookUp, .decide: false
        case .join, .fill, .pass, .deliver: true
        }
    }
}
