// Results for the users of the store. They are collected while bytes from the socket are parsed and delivered after
// that, since a user may read from another socket into the same buffer, and may call the store.

import CacheStorage
import EventLoop

/// Something that was found, which somebody who looked for it is asked about.
protocol LookupOffer: AnyObject {
    /// May call the receiver.
    func offer(ticket: UInt64, token: UInt64, to receiver: any StoreReceiver)
}

final class DeliveryQueue {
    private enum Result {
        case lookup(StoreAnswer)
        case offer(any LookupOffer)
        case removal(Int, StoreTrouble?)
        case claim(ClaimOutcome)
    }

    private struct Delivery {
        var result: Result
        /// The ticket of a lookup.
        var ticket: UInt64 = 0
        var token: UInt64
        var lookupReceiver: (any StoreReceiver)?
        var removalReceiver: (any StoreRemovalReceiver)?
        var claimReceiver: (any StoreClaimReceiver)?
    }

    private let loop: EventLoop
    private var waiting: [Delivery] = []
    /// Whether everything that was collected has been delivered.
    var isEmpty: Bool { waiting.isEmpty }
    private var isDelivering = false

    init(loop: EventLoop) {
        self.loop = loop
    }

    func append(_ result: StoreAnswer, ticket: UInt64, token: UInt64, to receiver: any StoreReceiver) {
        waiting.append(Delivery(result: .lookup(result), ticket: ticket, token: token, lookupReceiver: receiver))
    }

    /// What is offered decides what the receiver is told.
    func append(_ offer: any LookupOffer, ticket: UInt64, token: UInt64, to receiver: any StoreReceiver) {
        waiting.append(Delivery(result: .offer(offer), ticket: ticket, token: token, lookupReceiver: receiver))
    }

    func appendRemoval(_ count: Int, _ trouble: StoreTrouble?, token: UInt64, to receiver: (any StoreRemovalReceiver)?)
    {
        guard let receiver else { return }
        waiting.append(Delivery(result: .removal(count, trouble), token: token, removalReceiver: receiver))
    }

    func append(_ outcome: ClaimOutcome, token: UInt64, to receiver: any StoreClaimReceiver) {
        waiting.append(Delivery(result: .claim(outcome), token: token, claimReceiver: receiver))
    }

    /// Discards the result of a cancelled lookup.
    func cancel(ticket: UInt64) {
        for index in waiting.indices where waiting[index].ticket == ticket { waiting[index].lookupReceiver = nil }
    }

    /// Delivers at the end of the turn, for results found without asking Redis: users are never called from within
    /// their own call.
    func deliverAtEndOfTurn() {
        loop.atEndOfTurn { [weak self] in self?.deliver() }
    }

    /// Delivers the collected results, in order. Users may call the store meanwhile.
    func deliver() {
        guard !isDelivering, !waiting.isEmpty else { return }
        isDelivering = true
        var index = 0
        while index < waiting.count {
            let delivery = waiting[index]
            waiting[index].lookupReceiver = nil
            waiting[index].removalReceiver = nil
            waiting[index].claimReceiver = nil
            index += 1
            switch delivery.result {
            case .lookup(let result): delivery.lookupReceiver?.storeDidAnswer(result, token: delivery.token)
            case .offer(let offer):
                if let receiver = delivery.lookupReceiver {
                    offer.offer(ticket: delivery.ticket, token: delivery.token, to: receiver)
                }
            case .removal(let count, let trouble):
                delivery.removalReceiver?.storeDidRemove(count, trouble: trouble, token: delivery.token)
            case .claim(let outcome): delivery.claimReceiver?.storeDidClaim(outcome, token: delivery.token)
            }
        }
        waiting.removeAll(keepingCapacity: true)
        isDelivering = false
    }
}
