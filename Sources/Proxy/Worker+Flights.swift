// A worker's part in flights: which of its requests follow which.

extension Worker {
    func follow(_ flight: Flight, _ transaction: Transaction) {
        followers[ObjectIdentifier(flight), default: []].append(transaction)
    }

    func unfollow(_ flight: Flight, _ transaction: Transaction) {
        let identifier = ObjectIdentifier(flight)
        // Out of the dictionary while it changes, so that it isn't copied.
        guard var following = followers.removeValue(forKey: identifier) else { return }
        if let place = following.lastIndex(where: { $0 === transaction }) {
            following.swapAt(place, following.count - 1)
            following.removeLast()
        }
        if !following.isEmpty { followers[identifier] = following }
    }

    /// Something has changed in a flight that requests of this worker follow.
    func flightMoved(_ flight: Flight) {
        flight.acknowledge(worker: index)
        // Those that leave change the list, and may have a new life by the time it is their turn.
        for transaction in followers[ObjectIdentifier(flight)] ?? [] where transaction.flight === flight {
            transaction.flightMoved()
        }
    }
}
