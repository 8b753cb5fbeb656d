// What the control thread asks of a worker: take on a new configuration, report, drain, stop.

import CacheStorage
import Configuration
import EventLoop
import Origins

extension Worker {
    func handle(_ message: WorkerMessage) {
        switch message {
        case .adopt(let update): adopt(update)
        case .report(let answer):
            counters.routes = runtime.entries.map(\.counters)
            counters.clients = clients.count
            counters.activeRequests = clients.reduce(0) { $0 + ($1.isIdle ? 0 : 1) }
            let figures = origins.figures
            counters.originConnections = figures.openConnections
            counters.idleOriginConnections = figures.idleConnections
            counters.originConnects = figures.connects
            counters.originReuses = figures.reuses
            counters.retries = figures.retries
            counters.refreshing = refreshes
            counters.logLinesDropped = accessLog.dropped
            counters.invalidated = cache.figures.invalidatedKeys
            counters.groupsInvalidated = cache.figures.invalidatedGroups
            counters.variantsReached = cache.figures.deletedVariants
            if let figures = cache.remoteFigures { counters.remote = figures }
            answer(counters, cache.remoteState)
        case .command(let command, let answer): StoreCommandRunner(worker: self, command: command, answer: answer).run()
        case .explain(let request, let answer): Explainer(request, answer: answer).run(on: self)
        case .flightMoved(let flight): flightMoved(flight)
        case .flightNeedsLeader(let flight):
            leaders[ObjectIdentifier(flight)]?.flightNeedsLeader()
            endDrainIfDone()
        case .drain(let deadline): drain(until: deadline)
        case .stop: loop.stop()
        }
    }

    /// The new runtime configuration takes over between two requests; those under way keep theirs.
    func adopt(_ update: ConfigurationUpdate) {
        guard
            let next = try? RuntimeConfiguration(
                update.configuration, groups: update.groups, largestHead: loop.input.capacity - Self.readSize,
                previous: runtime)
        else {
            shared.log.write(.error, "a worker could not take on the new configuration and keeps the old one")
            return
        }
        if update.configuration.limits.head.rawValue > Int64(next.headLimits.head) {
            shared.log.write(
                .warning,
                "limits.head takes full effect at the next start; until then it is \(next.headLimits.head) bytes")
        }
        runtime = next
        origins.headLimits = next.headLimits
        limits = update.configuration.limits
        accessLog.format = update.configuration.log.access
        let store = update.configuration.store
        cache.objectLimit = Int(store.object.rawValue)
        if store != storeSettings {
            storeSettings = store
            openStores()
        }
        for (descriptor, address) in update.takeListeners(for: index) { listen(on: descriptor, address: address) }
        listeners.removeAll { listener in
            guard !update.keeps(listener.address) else { return false }
            listener.close()
            return true
        }
    }

    /// Accepts nothing more; each connection ends with its next answer, idle ones after a moment in which a request
    /// that is on its way still gets one.
    func drain(until deadline: MonotonicTime) {
        guard !isDraining else { return }
        isDraining = true
        for listener in listeners { listener.close() }
        listeners = []
        for client in clients { client.drainBegan() }
        let timer = LoopTimer(loop: loop) { [unowned self] in self.finishDraining() }
        timer.schedule(afterMilliseconds: max(1, deadline.milliseconds(since: MonotonicTime.now())))
        drainTimer = timer
        endDrainIfDone()
    }

    /// A drain is over once nobody waits for this worker: no client of its own, and none of another's that follows one of
    /// its fetches.
    func endDrainIfDone() {
        guard isDraining, clients.isEmpty else { return }
        if leaders.values.contains(where: { ($0.flight?.followers ?? 0) > 0 }) { return }
        finishDraining()
    }

    func finishDraining() {
        if !clients.isEmpty {
            shared.log.write(.warning, "worker \(index) stops with \(clients.count) connections still open")
        }
        accessLog.flush()
        loop.stop()
    }

    func runHousekeeping() {
        if index == 0 {
            cache.sweep(limit: 4096, now: wallTime)
            shared.flights.sweep(now: loop.now)
        }
        accessLog.flush()
        if resting.count > 64 { resting.removeLast(resting.count / 4) }
        housekeeping?.schedule(afterMilliseconds: 1000)
    }
}
