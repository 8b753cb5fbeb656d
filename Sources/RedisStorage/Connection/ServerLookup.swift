// Where the server is for a connection that its owner makes by itself: the address of a fixed place, that of the master which
// sentinels name, or that of the node of a cluster which has the stream of purges.

import CacheStorage
import EventLoop

/// Used on its loop's thread.
final class ServerLookup {
    enum Found {
        case address(RedisPeer)
        /// There is none now.
        case nothing
        /// It is another server from now on.
        case moved
    }

    private let loop: EventLoop
    private var place: RedisSettings.Place
    /// The number of the master, or of the map of slots; 0 where the server is always the same, or isn't known yet.
    private(set) var server: UInt64 = 0
    private let site: StoreSite
    /// That of the stream of purges, in a cluster.
    private let slot: Int
    private let resolver: Resolver?
    private let tls: RedisTLS?
    private let masters = Mailbox<NumberedMaster>()
    private let maps = Mailbox<SlotMap>()
    private var newsSocket: Socket?
    private var resolutions: Mailbox<(UInt64, Resolution)>?
    private var resolutionSocket: Socket?
    /// The search that is under way; the result of an earlier one comes too late.
    private var search: UInt64 = 0
    private var isSearching = false
    private var handler: ((Found) -> Void)?

    /// - Parameters:
    ///   - settings: their place doesn't matter where the site isn't fixed.
    ///   - resolver: needed for host names.
    init(loop: EventLoop, settings: RedisSettings, site: StoreSite, resolver: Resolver?) {
        self.loop = loop
        self.site = site
        self.resolver = resolver
        tls = settings.tls
        slot = KeySlots.slot(of: FleetNames(prefix: settings.prefix).purges)
        place =
            switch site {
            case .fixed: settings.place
            case .master: .unknownMaster
            case .cluster: .nowhere(.connecting)
            }
    }

    /// - Parameter handler: told what each ``find()`` has found, and when the server is another one. It may call ``find()``.
    func open(_ handler: @escaping (Found) -> Void) {
        self.handler = handler
        switch site {
        case .fixed: break
        case .master(let location):
            newsSocket = masters.deliver(on: loop) { [weak self] in self?.follow($0.address, $0.number) }
            if let named = location.listen(masters) { note(named.address, named.number) }
        case .cluster(let location):
            newsSocket = maps.deliver(on: loop) { [weak self] in self?.follow($0) }
            if let map = location.listen(maps), let owner = map.master(of: slot) { note(owner, map.number) }
        }
    }

    func close() {
        handler = nil
        newsSocket?.close()
        newsSocket = nil
        switch site {
        case .fixed: break
        case .master(let location): location.stopListening(masters)
        case .cluster(let location): location.stopListening(maps)
        }
        resolutionSocket?.close()
        resolutionSocket = nil
    }

    private func follow(_ map: SlotMap) {
        // Nobody has it for now: the one that did is asked until somebody else does.
        guard let owner = map.master(of: slot) else { return }
        follow(owner, map.number)
    }

    private func follow(_ address: MasterAddress, _ number: UInt64) {
        let before = place
        guard note(address, number) else { return }
        // In a cluster, it may be other slots that have moved.
        if case .cluster = site, place == before { return }
        handler?(.moved)
    }

    @discardableResult
    private func note(_ address: MasterAddress, _ number: UInt64) -> Bool {
        guard number > server else { return false }
        server = number
        let next = RedisSettings.Place.tcp(host: address.host, port: address.port)
        if next != place { isSearching = false }
        place = next
        return true
    }

    /// Looks up the address; the handler is told once, unless it looks again before, or the server is another one meanwhile.
    func find() {
        search &+= 1
        isSearching = true
        switch place {
        case .unknownMaster, .nowhere: finish(.nothing)
        case .unix(let path): finish(SocketAddress(unixPath: path).map { .address(RedisPeer(address: $0)) } ?? .nothing)
        case .tcp(let host, let port):
            if let address = SocketAddress(numericHost: host, port: port) { return finish(at: address) }
            guard let resolver else { return finish(.nothing) }
            let mailbox = resolutions ?? Mailbox<(UInt64, Resolution)>()
            if resolutions == nil {
                resolutions = mailbox
                resolutionSocket = mailbox.deliver(on: loop) { [weak self] in self?.resolved($0, $1) }
            }
            resolver.resolve(host: host, port: port) { [search] in mailbox.post((search, $0)) }
        }
    }

    private func resolved(_ search: UInt64, _ resolution: Resolution) {
        guard search == self.search, isSearching else { return }
        guard case .addresses(let addresses) = resolution, !addresses.isEmpty else { return finish(.nothing) }
        // Not always the first one, which may be the only one that isn't reached.
        finish(at: addresses[Int(search % UInt64(addresses.count))])
    }

    private func finish(at address: SocketAddress) {
        guard case .tcp(let host, let port) = place else { return finish(.nothing) }
        finish(.address(RedisPeer(address: address, tls: tls, host: host, port: port)))
    }

    private func finish(_ found: Found) {
        isSearching = false
        handler?(found)
    }
}
