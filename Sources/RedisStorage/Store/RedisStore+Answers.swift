// Answers on their way to who waits. They are collected while the socket's bytes are worked off and handed out after
// that, since whoever gets one may read from another socket into the same buffer, and may call the store.

import CacheStorage
import EventLoop

/// An answer on its way out.
struct Delivery {
    enum Answer {
        case lookup(StoreAnswer)
        case removal(Int, StoreTrouble?)
    }

    var answer: Answer
    var ticket: UInt64?
    var token: UInt64
    var receiver: AnyObject?
}

extension RedisStore {
    func answer(_ waiter: Waiter, _ answer: StoreAnswer, _ ticket: UInt64) {
        guard let receiver = waiter.receiver else { return }
        deliveries.append(Delivery(answer: .lookup(answer), ticket: ticket, token: waiter.token, receiver: receiver))
    }

    /// Answers a lookup without asking Redis, at the end of the turn.
    func answerAtOnce(with record: StoredResponse, _ receiver: any StoreReceiver, _ token: UInt64) -> StoreTicket {
        figures.hits += 1
        nextLocalTicket += 1
        deliveries.append(
            Delivery(answer: .lookup(.hit(record)), ticket: nextLocalTicket, token: token, receiver: receiver))
        loop.atEndOfTurn { [weak self] in self?.deliver() }
        return StoreTicket(number: nextLocalTicket)
    }

    /// Answers a removal that was not sent, in the next turn: nobody is called back from within the call.
    func deliverRemoval(
        _ count: Int, _ trouble: StoreTrouble?, _ receiver: (any StoreRemovalReceiver)?, _ token: UInt64
    ) {
        guard let receiver else { return }
        deliveries.append(Delivery(answer: .removal(count, trouble), token: token, receiver: receiver))
        loop.atEndOfTurn { [weak self] in self?.deliver() }
    }

    /// Hands the collected answers out, in order. Whoever gets one may call the store.
    func deliver() {
        guard !isDelivering, !deliveries.isEmpty else { return }
        isDelivering = true
        var index = 0
        while index < deliveries.count {
            let delivery = deliveries[index]
            deliveries[index].receiver = nil
            index += 1
            switch delivery.answer {
            case .lookup(let answer):
                (delivery.receiver as? any StoreReceiver)?.storeDidAnswer(answer, token: delivery.token)
            case .removal(let count, let trouble):
                (delivery.receiver as? any StoreRemovalReceiver)?.storeDidRemove(
                    count, trouble: trouble, token: delivery.token)
            }
        }
        deliveries.removeAll(keepingCapacity: true)
        isDelivering = false
    }

    /// Tells everybody who waits that nothing will come. Where the connection is kept, the line stays, so that late
    /// replies are discarded one by one; where it is gone, the line goes with it.
    func abandonAll(_ trouble: StoreTrouble) {
        let now = loop.now.milliseconds
        for number in waiters.front..<waiters.end {
            guard let waiter = waiters[number], !waiter.isAbandoned else { continue }
            waiters.update(number) {
                $0.isAbandoned = true
                $0.receiver = nil
                $0.subject = nil
            }
            switch waiter.command {
            case .lookup where waiter.receiver != nil:
                if trouble == .commandTimedOut && waiter.deadline <= now {
                    figures.timeouts += 1
                } else {
                    figures.failures += 1
                }
                answer(waiter, .failed(trouble), number)
            case .removal:
                deliveries.append(Delivery(answer: .removal(0, trouble), token: waiter.token, receiver: waiter.subject))
            case .store: figures.droppedStores += 1
            default: break
            }
        }
        for read in largeReads { deliver(.failed(trouble), to: read) }
        largeReads.removeAll()
        figures.droppedStores += largeWrites.count
        largeWrites.removeAll()
        if socket == nil {
            waiters = WaiterQueue(after: waiters)
            keyTexts.empty()
        }
    }
}
