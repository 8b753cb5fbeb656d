// The nodes of a Redis Cluster, each of which has some of the keys: a connection for each master. Which of them has which keys, a
// search finds for the whole process; this follows. A node that is to be asked for a key which is being moved there may have a
// connection, too, though it has no keys yet.

import CacheStorage
import EventLoop

final class ClusterTopology: Topology {
    private let loop: EventLoop
    private let settings: RedisSettings
    private let resolver: Resolver?
    private let location: SlotLocation
    private let slots: KeySlots
    private let news = Mailbox<SlotMap>()
    private var newsSocket: Socket?
    private weak var delegate: (any RedisConnectionDelegate)?
    private var map: SlotMap?
    /// In the order of the map's masters.
    private var masters: [RedisConnection] = []
    private var nodes: [MasterAddress: RedisConnection] = [:]
    /// Nodes that keys are being moved to, and when that was last heard of.
    private var importing: [MasterAddress: Int64] = [:]
    /// Leads nowhere: for keys of which nobody has said where they are, or which nobody has.
    private let nowhere: RedisConnection
    private var patience: LoopTimer?
    /// What closed connections have counted.
    private var retired = RemoteStoreFigures()
    private var isClosed = false

    /// How long it may take until somebody says where the keys are, before that is a state of its own. Milliseconds.
    private static let longestSearch: Int64 = 2000
    /// How long a connection to a node without slots is kept.
    private static let importLifetime: Int64 = 60_000
    private static let importLimit = 16

    /// - Parameters:
    ///   - settings: their place doesn't matter.
    ///   - resolver: needed if nodes are known by host names.
    init(loop: EventLoop, settings: RedisSettings, resolver: Resolver?, location: SlotLocation) {
        self.loop = loop
        self.resolver = resolver
        self.location = location
        var settings = settings
        settings.place = .nowhere(.noSlots)
        settings.isClusterNode = true
        // The search finds another master, if there is one; the same one may be back soon, too.
        settings.longestPauseMilliseconds = min(settings.longestPauseMilliseconds, 1000)
        self.settings = settings
        slots = KeySlots(prefix: Array(settings.prefix.utf8))
        nowhere = RedisConnection(loop: loop, settings: settings, resolver: nil)
    }

    var connections: [RedisConnection] { Array(nodes.values) }

    var number: UInt64 { map?.number ?? 0 }

    /// Down if none of the keys is to be had, partial if some aren't.
    var state: StoreState {
        guard let map else { return nowhere.state.availability }
        var (isAnyServed, trouble, since) = (false, StoreTrouble?.none, WallTime(milliseconds: .min))
        var limited: StoreState?
        for connection in masters {
            switch connection.state.availability {
            case .up(let time): (isAnyServed, since) = (true, max(since, time))
            case .limited(_, let time):
                (isAnyServed, since) = (true, max(since, time))
                limited = limited ?? connection.state.availability
            case .down(let cause, let time), .partial(let cause, let time):
                (trouble, since) = (trouble ?? cause, max(since, time))
            }
        }
        if let trouble { return isAnyServed ? .partial(trouble, since: since) : .down(trouble, since: since) }
        if map.coveredCount < KeySlots.count { return .partial(.clusterDown, since: since) }
        return limited ?? .up(since: since)
    }

    func open(delegate: any RedisConnectionDelegate) {
        self.delegate = delegate
        nowhere.delegate = delegate
        newsSocket = news.deliver(on: loop) { [weak self] in self?.follow($0) }
        if let map = location.listen(news) { return follow(map) }
        patience = LoopTimer(loop: loop) { [weak self] in
            guard let self, map == nil, !isClosed else { return }
            nowhere.open()
        }
        patience?.schedule(afterMilliseconds: Self.longestSearch)
    }

    func connection(for key: CacheKey) -> RedisConnection {
        map?.index(of: slots.slot(of: key)).map { masters[$0] } ?? nowhere
    }

    /// No command may have keys of several slots, even if one node has all of them; and of several keys of one slot none is found
    /// while some of them have been moved already.
    func split(_ keys: [CacheKey]) -> [(connection: RedisConnection, keys: [CacheKey])] {
        keys.map { (connection(for: $0), [$0]) }
    }

    let isSplit = true

    /// A name in a slot of that master.
    func probe(on connection: RedisConnection) -> [UInt8] {
        for number in 0..<KeySlots.count {
            let name = Array("\(settings.prefix)probe:\(number)".utf8)
            if let index = map?.index(of: KeySlots.slot(of: name)), masters[index] === connection { return name }
        }
        return Array("\(settings.prefix)probe".utf8)
    }

    func addFigures(to sum: inout RemoteStoreFigures) {
        sum.add(retired)
        for connection in nodes.values { connection.addFigures(to: &sum) }
    }

    // MARK: The map

    private func follow(_ map: SlotMap) {
        // Of several changes only the last one counts.
        guard !isClosed, map.number > number else { return }
        self.map = map
        patience = nil
        masters = map.masters.map { open($0) }
        let kept = Set(map.masters)
        let oldest = loop.now.milliseconds - Self.importLifetime
        importing = importing.filter { $0.value > oldest && !kept.contains($0.key) }
        for (address, connection) in nodes where !kept.contains(address) && importing[address] == nil {
            nodes[address] = nil
            connection.close()
            connection.addFigures(to: &retired)
        }
        for connection in nodes.values { connection.masterNumber = map.number }
        nowhere.place = .nowhere(.clusterDown)
        if map.coveredCount < KeySlots.count, nowhere.state.phase == .paused { nowhere.handle(.opened) }
        noteReach()
        for connection in nodes.values where connection.isServing { delegate?.connectionDidProgress(connection) }
    }

    private func open(_ address: MasterAddress) -> RedisConnection {
        if let known = nodes[address] { return known }
        var settings = settings
        settings.place = .tcp(host: address.host, port: address.port)
        let connection = RedisConnection(loop: loop, settings: settings, resolver: resolver)
        connection.delegate = delegate
        connection.masterNumber = number
        nodes[address] = connection
        connection.open()
        return connection
    }

    // MARK: What connections tell

    func connectionDidChangeAvailability(_ connection: RedisConnection) {
        guard connection !== nowhere, !isClosed else { return }
        noteReach()
        switch connection.state.availability {
        case .up, .limited, .partial, .down(.connecting, _), .down(.closed, _): break
        case .down: if masters.contains(where: { $0 === connection }) { location.post(.askAnother) }
        }
    }

    private func noteReach() {
        let isReached = masters.allSatisfy {
            switch $0.state.availability {
            case .up, .limited: true
            case .partial, .down: false
            }
        }
        location.note(isReached: isReached && map?.coveredCount == KeySlots.count, by: news)
    }

    func connection(_ connection: RedisConnection, didRefuse kind: RedisErrorKind) {
        guard let asked = address(of: connection) else { return }
        switch kind {
        case .moved:
            location.noteRedirection()
            if let target = connection.redirection?.address(from: asked) { location.post(.ask(target)) }
        case .ask: location.noteRedirection()
        case .clusterDown: location.post(.askAnother)
        default: break
        }
    }

    func connection(asking redirection: Redirection, from connection: RedisConnection) -> RedisConnection? {
        guard let asked = address(of: connection) else { return nil }
        let target = redirection.address(from: asked)
        if let known = nodes[target] {
            if importing[target] != nil { importing[target] = loop.now.milliseconds }
            return known
        }
        guard importing.count < Self.importLimit else { return nil }
        importing[target] = loop.now.milliseconds
        // No other connection may change while one is being read.
        loop.atEndOfTurn { [weak self] in
            guard let self, !isClosed else { return }
            _ = open(target)
        }
        return nil
    }

    private func address(of connection: RedisConnection) -> MasterAddress? {
        guard case .tcp(let host, let port) = connection.place else { return nil }
        return MasterAddress(host: host, port: port)
    }

    func close() {
        isClosed = true
        patience = nil
        newsSocket?.close()
        newsSocket = nil
        for connection in nodes.values { connection.close() }
        nowhere.close()
        location.stopListening(news)
    }
}
