// A tracker for each master of a cluster: a node tells of changes to its own keys only. They hear together, and which of them there
// are follows the map of slots.

import CacheStorage
import EventLoop

/// Used on its loop's thread. It must be closed before the last reference is released.
package final class ClusterTracker {
    /// What is told of one master.
    private struct Member {
        let part: SharedHearing.Part
        let tracker: Tracker
    }

    private let loop: EventLoop
    private let settings: RedisSettings
    private let grace: Int64
    private let location: SlotLocation
    private let resolver: Resolver?
    private let stores: SharedStores
    private let streamChanged: () -> Void
    private let report: (TrackerEvent) -> Void
    private let hearing: SharedHearing
    private let news = Mailbox<SlotMap>()
    private var newsSocket: Socket?
    private var members: [MasterAddress: Member] = [:]
    private var number: UInt64 = 0
    /// Masters that tell of changes, and whether it was reported that all do.
    private var hearingMasters: Set<MasterAddress> = []
    private var wasHearing = false

    /// Begins to connect.
    /// - Parameters:
    ///   - settings: their place doesn't matter.
    ///   - grace: `store.grace` in milliseconds; more than 0.
    ///   - streamChanged: called when the stream of purges has changed.
    ///   - report: called on the loop's thread: once all masters tell of changes, and when one of them doesn't any more.
    package init(
        loop: EventLoop, settings: RedisSettings, grace: Int64, location: SlotLocation, resolver: Resolver?,
        stores: SharedStores, streamChanged: @escaping () -> Void, report: @escaping (TrackerEvent) -> Void
    ) {
        self.loop = loop
        self.settings = settings
        self.grace = grace
        self.location = location
        self.resolver = resolver
        self.stores = stores
        self.streamChanged = streamChanged
        self.report = report
        hearing = SharedHearing(stores.hearing, grace: grace)
        newsSocket = news.deliver(on: loop) { [weak self] in self?.follow($0) }
        if let map = location.listen(news) { follow(map) }
    }

    package func close() {
        newsSocket?.close()
        newsSocket = nil
        location.stopListening(news)
        hearing.set([], number: 0)
        for member in members.values { member.tracker.close() }
        members = [:]
        stores.hearing.set(.none, grace: 0)
    }

    /// What was heard of other masters of a slot says nothing about those that have it now.
    private func follow(_ map: SlotMap) {
        guard newsSocket != nil, map.number > number else { return }
        number = map.number
        // Nothing of before is used while trackers come and go.
        hearing.set([], number: number)
        let masters = Set(map.masters)
        for (address, member) in members where !masters.contains(address) {
            members[address] = nil
            hearingMasters.remove(address)
            member.tracker.close()
        }
        for address in map.masters where members[address] == nil { members[address] = track(address) }
        hearing.set(members.values.map(\.part), number: number)
        tell()
    }

    private func track(_ address: MasterAddress) -> Member {
        let part = hearing.makePart()
        var settings = settings
        settings.place = .tcp(host: address.host, port: address.port)
        let tracker = Tracker(
            loop: loop, settings: settings, grace: grace, site: .fixed, resolver: resolver, stores: stores,
            hearing: part, streamChanged: streamChanged, report: { [weak self] in self?.note($0, of: address) })
        return Member(part: part, tracker: tracker)
    }

    private func note(_ event: TrackerEvent, of address: MasterAddress) {
        switch event {
        case .hearing: hearingMasters.insert(address)
        case .lost: hearingMasters.remove(address)
        case .refused:
            hearingMasters.remove(address)
            // All nodes refuse, mostly.
            if wasHearing || hearingMasters.isEmpty { report(event) }
            wasHearing = false
            return
        }
        tell()
    }

    private func tell() {
        let isHearing = !members.isEmpty && hearingMasters.count == members.count
        guard isHearing != wasHearing else { return }
        wasHearing = isHearing
        report(isHearing ? .hearing : .lost)
    }
}
