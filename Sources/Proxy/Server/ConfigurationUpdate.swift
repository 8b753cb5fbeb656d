// What a start or a reload tells every worker. Made whole on the control thread; it decides nothing about requests: that is
// `RuntimeConfiguration`, which each worker makes of it.

import Bytes
import CacheStorage
import Configuration
import EventLoop
import Origins
import RedisStorage

/// One configuration on its way to the workers: the values, the servers that all of them share, and new listening
/// sockets.
package final class ConfigurationUpdate: Sendable {
    package let configuration: Configuration
    package let groups: [UpstreamGroup]
    /// What bounds the requests of each route while the store is down; nil where nothing does.
    let gates: [OutageGate?]
    /// Where the store is: what sentinels, or the nodes of a cluster, have said of it.
    let site: StoreSite
    /// What listeners and upstreams speak TLS with.
    let tls: TLSMaterial
    /// What Redis is spoken to with; nil where nothing is encrypted.
    let redisTLS: RedisTLS?
    private let listenAddresses: [SocketAddress]
    private let fresh: Locked<[Int: [(Int32, SocketAddress)]]>

    /// - Parameters:
    ///   - previous: its upstreams are carried over where their settings are the same, and so are how many requests of a
    ///     route are with its upstream, and what is known of where the store is.
    ///   - listenAddresses: all addresses that are listened on from now on.
    ///   - newListeners: sockets that workers don't have yet, by worker.
    ///   - tls: what was read of the files of `tls` sections.
    ///   - upstreamChanged: called for each change of an upstream's health, on any thread.
    package init(
        configuration: Configuration, previous: ConfigurationUpdate?, listenAddresses: [SocketAddress],
        newListeners: [Int: [(Int32, SocketAddress)]], tls: TLSMaterial = TLSMaterial(),
        upstreamChanged: @escaping @Sendable (UpstreamChange) -> Void
    ) {
        self.configuration = configuration
        let known = Dictionary(
            (previous?.groups ?? []).map { ($0.settings, $0) }, uniquingKeysWith: { first, _ in first })
        groups = configuration.upstreams.map { settings in
            let context = tls.upstreams[settings.name]?.context
            if let group = known[settings], group.tls === context { return group }
            return UpstreamGroup(settings: settings, tls: context, changed: upstreamChanged)
        }
        self.tls = tls
        if let store = tls.store {
            let known = previous?.tls.store?.settings == store.settings ? previous?.redisTLS : nil
            known?.use(store.context)
            redisTLS = known ?? RedisTLS(store.context)
        } else {
            redisTLS = nil
        }
        gates = OutageGate.gates(
            for: configuration.routes, after: previous.map { Array(zip($0.configuration.routes, $0.gates)) } ?? [])
        let store = configuration.store
        let before = previous?.configuration.store
        if let previous, before?.sentinels == store.sentinels, before?.clusterNodes == store.clusterNodes,
            previous.redisTLS == redisTLS
        {
            site = previous.site
        } else if let group = store.sentinels {
            site = .master(MasterLocation(name: group.master))
        } else {
            site = store.clusterNodes == nil ? .fixed : .cluster(SlotLocation())
        }
        self.listenAddresses = listenAddresses
        fresh = Locked(newListeners)
    }

    func takeListeners(for worker: Int) -> [(Int32, SocketAddress)] {
        fresh.withLock { $0.removeValue(forKey: worker) } ?? []
    }

    package var masterFigures: MasterFigures? { if case .master(let master) = site { master.figures } else { nil } }
    package var clusterFigures: ClusterFigures? { if case .cluster(let slots) = site { slots.figures } else { nil } }

    func keeps(_ address: SocketAddress) -> Bool { listenAddresses.contains(address) }
}
