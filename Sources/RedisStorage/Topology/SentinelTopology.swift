// A single server that has every key, and that is whichever server the sentinels name as the master. One connection, which
// moves with the master; what it waits for then is abandoned, as if the connection were lost.

import CacheStorage
import EventLoop

final class SentinelTopology: Topology {
    let connections: [RedisConnection]
    private let connection: RedisConnection
    private let location: MasterLocation
    private let news = Mailbox<NumberedMaster>()
    private var newsSocket: Socket?
    private var isOpen = false

    /// - Parameters:
    ///   - settings: their place doesn't matter.
    ///   - resolver: needed if sentinels name masters by host names.
    init(loop: EventLoop, settings: RedisSettings, resolver: Resolver?, location: MasterLocation) {
        var settings = settings
        settings.place = .unknownMaster
        settings.requiresMaster = true
        // A new master is soon one by its own account, too.
        settings.longestPauseMilliseconds = min(settings.longestPauseMilliseconds, 1000)
        connection = RedisConnection(loop: loop, settings: settings, resolver: resolver)
        connections = [connection]
        self.location = location
    }

    var state: StoreState { connection.state.availability }

    func open(delegate: any RedisConnectionDelegate) {
        connection.delegate = delegate
        newsSocket = news.deliver(on: connection.loop) { [weak self] in self?.follow($0) }
        if let master = location.listen(news) { follow(master) }
    }

    func connection(for key: CacheKey) -> RedisConnection { connection }
    func probe(on connection: RedisConnection) -> [UInt8] { Array("\(connection.settings.prefix)probe".utf8) }

    private func follow(_ master: NumberedMaster) {
        // Of several changes only the last one counts.
        guard master.number > connection.masterNumber else { return }
        let place = RedisSettings.Place.tcp(host: master.address.host, port: master.address.port)
        if isOpen { return connection.move(to: place, number: master.number) }
        isOpen = true
        connection.place = place
        connection.masterNumber = master.number
        connection.open()
    }

    func connectionDidChangeAvailability(_ connection: RedisConnection) {
        switch connection.state.availability {
        case .up: location.note(isReached: true, by: news)
        case .limited(.readOnly, _), .down(.notMaster, _):
            location.note(isReached: false, by: news)
            location.post(.askAnother)
        case .limited, .partial: break
        case .down(.closed, _), .down(.masterMoved, _): location.note(isReached: false, by: news)
        case .down:
            location.note(isReached: false, by: news)
            location.post(.lookAgain)
        }
    }

    func close() {
        newsSocket?.close()
        newsSocket = nil
        connection.close()
        location.stopListening(news)
    }
}
