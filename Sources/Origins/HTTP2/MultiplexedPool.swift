// The multiplexed connections of a worker, by address: which one takes another stream. It opens and closes none.

import EventLoop

/// Used only on one worker's thread.
struct MultiplexedPool {
    /// By the address's slot; those that are still being opened among them.
    private var addresses: [Int: [MultiplexedConnection]] = [:]

    var all: [MultiplexedConnection] { addresses.values.flatMap { $0 } }

    /// Whether one to the address has no streams.
    func idleCount(_ endpoint: Endpoint) -> Int {
        (addresses[endpoint.slot] ?? []).count { $0.phase == .open && $0.streams.isEmpty }
    }

    /// Connections to the address that are closed behind their last stream.
    func leavingCount(_ endpoint: Endpoint) -> Int {
        addresses[endpoint.slot]?.count { $0.phase == .leaving } ?? 0
    }

    /// One that takes a stream: of those that are open the first, so that others can become idle; otherwise one that is being opened,
    /// so that not every request opens one; otherwise one that will take it, as far as is known.
    /// - Parameter suits: whether an open one may carry another request.
    func take(_ endpoint: Endpoint, where suits: (MultiplexedConnection) -> Bool) -> MultiplexedConnection? {
        guard let list = addresses[endpoint.slot] else { return nil }
        for connection in list where connection.phase == .open && connection.takesStream && suits(connection) {
            return connection
        }
        return list.first { $0.phase != .open && $0.takesStream }
            ?? list.first { $0.holdsStream && ($0.awaitsSettings || endpoint.streamLimit == 0) }
    }

    /// One that takes no streams for now, and may again: for a stream that finds no other.
    func holding(_ endpoint: Endpoint) -> MultiplexedConnection? {
        addresses[endpoint.slot]?.first(where: \.holdsStream)
    }

    /// Whether a server takes no streams for now: another connection would bring nothing.
    func isHeldUp(_ endpoint: Endpoint) -> Bool {
        endpoint.streamLimit == 0 && addresses[endpoint.slot]?.contains(where: \.isHeldUp) == true
    }

    mutating func add(_ connection: MultiplexedConnection) {
        addresses[connection.endpoint.slot, default: []].append(connection)
    }

    mutating func remove(_ connection: MultiplexedConnection) {
        let slot = connection.endpoint.slot
        addresses[slot]?.removeAll { $0 === connection }
        if addresses[slot]?.isEmpty == true { addresses[slot] = nil }
    }

    /// Some connection to the address that has no streams.
    func idle(_ endpoint: Endpoint? = nil) -> MultiplexedConnection? {
        if let endpoint { return addresses[endpoint.slot]?.first { $0.phase == .open && $0.streams.isEmpty } }
        for list in addresses.values {
            if let found = list.first(where: { $0.phase == .open && $0.streams.isEmpty }) { return found }
        }
        return nil
    }
}
