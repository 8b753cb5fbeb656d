// What the control thread asks of a worker: take on a new configuration, report, drain, stop.

import CacheStorage
import Clients
import Configuration
import EventLoop

extension Worker {
    func listen(on descriptor: Int32, address: SocketAddress) {
        let (log, loop) = (shared.log, loop)
        clients.listen(on: descriptor, address: address) { code in
            log.write(
                .error, about: "accept \(address)",
                "accepting on \(address) failed: \(errorText(code)); trying again in 100 ms", now: loop.now)
        }
    }

    func handle(_ message: WorkerMessage) {
        switch message {
        case .adopt(let update): adopt(update)
        case .report(let done): done(gathered(), cache.remoteState)
        case .command(let command, let done): StoreCommandRunner(worker: self, command: command, done: done).run()
        case .explain(let request, let done): Explainer(request, done: done).run(on: self)
        case .drain(let deadline): drain(until: deadline)
        case .stop: loop.stop()
        }
    }

    /// All counters and gauges as they are now.
    private func gathered() -> Counters {
        var counters = self.counters
        counters.routes = runtime.entries.map(\.counters)
        counters.add(clients.counters)
        counters.clients = clients.count
        counters.activeRequests = clients.activeCount
        counters.add(origins.figures)
        counters.add(fills.counters)
        counters.refreshing = fills.refreshing
        counters.logLinesDropped = accessLog.dropped
        counters.invalidated = cache.figures.invalidatedKeys
        counters.groupsInvalidated = cache.figures.invalidatedGroups
        counters.placesInvalidated = cache.figures.invalidatedPlaces
        counters.variantsReached = cache.figures.deletedVariants
        counters.writesUnshared = cache.figures.unsharedWrites
        if let figures = cache.remoteFigures { counters.remote = figures }
        return counters
    }

    /// The new configuration takes over between two requests; those under way keep theirs.
    private func adopt(_ update: ConfigurationUpdate) {
        guard
            let next = try? RuntimeConfiguration(
                update.configuration, groups: update.groups, gates: update.gates,
                largestHead: loop.input.capacity - Self.readSize, pseudonym: shared.pseudonym, previous: runtime)
        else {
            shared.log.write(.error, "a worker could not take on the new configuration and keeps the old one")
            return
        }
        if index == 0, update.configuration.limits.head.rawValue > Int64(next.headLimits.head) {
            shared.log.write(
                .warning,
                "limits.head takes full effect at the next start; until then it is \(next.headLimits.head) bytes")
        }
        // What was stored before may stand under other keys, or in another store.
        let before = runtime.configuration
        if before.routes != update.configuration.routes || before.store != update.configuration.store {
            fills.keysHaveChanged = true
        }
        runtime = next
        takeOn(update)
        origins.headLimits = next.headLimits
        clients.limits = next.clientLimits(shared.descriptors)
        accessLog.format = update.configuration.log.access
        let store = update.configuration.store
        cache.objectLimit = Int(store.object.rawValue)
        cache.keepsCopiesLonger = next.servesKept
        if store != storeSettings {
            storeSettings = store
            openStores(update)
        }
        for (descriptor, address) in update.takeListeners(for: index) { listen(on: descriptor, address: address) }
        clients.keepListeners { update.keeps($0) }
    }

    /// Accepts nothing more; each connection ends with its next response, idle ones after a moment in which a request that
    /// is on its way still gets one. Called again, it moves the deadline.
    private func drain(until deadline: MonotonicTime) {
        clients.drain()
        let timer = drainTimer ?? LoopTimer(loop: loop) { [unowned self] in finishDraining() }
        timer.schedule(afterMilliseconds: max(1, deadline.milliseconds(since: MonotonicTime.now())))
        drainTimer = timer
        endDrainIfDone()
    }

    /// A drain is over once nobody waits for this worker: no client of its own, and none of another's that reads from one
    /// of its fills; and once what its clients have asked for can't invalidate anything any more.
    func endDrainIfDone() {
        guard clients.isDraining, clients.count == 0, !fills.isNeeded else { return }
        finishDraining()
    }

    private func finishDraining() {
        guard confirmationEnd == nil else { return }
        let end = loop.now.advanced(byMilliseconds: Self.confirmationMilliseconds)
        confirmationEnd = end
        if clients.count > 0 {
            shared.log.write(.warning, "worker \(index) stops with \(clients.count) connections still open")
        }
        fills.stop { clients.stop() }
        accessLog.flush()
        drainTimer = LoopTimer(loop: loop) { [unowned self] in stopOnceConfirmed(by: end) }
        stopOnceConfirmed(by: end)
    }

    /// What was invalidated last has come to where others see it, or that takes too long. A connection that is closed with commands
    /// under way may lose them.
    private func stopOnceConfirmed(by end: MonotonicTime) {
        guard cache.hasUnconfirmedInvalidations else { return loop.stop() }
        if loop.now < end {
            drainTimer?.schedule(afterMilliseconds: 5)
        } else {
            shared.log.write(
                .warning,
                "worker \(index) stops before Redis has confirmed all that was invalidated: others may serve it")
            loop.stop()
        }
    }

    private static let confirmationMilliseconds: Int64 = 5_000

    private func noteLimits() {
        func outcome(_ outcome: Outcome) -> Int { counters.outcomes[Int(outcome.rawValue)] }
        var counts: [(limit: NotableLimit, count: Int)] = [
            (.clients, outcome(.tooManyClients) + clients.counters.turnedAway), (.memory, outcome(.clientOverMemory)),
            (.maxConnections, outcome(.originBusy)), (.resources, outcome(.outOfResources)),
            (.refreshes, fills.counters.refreshesSkipped), (.slowStore, cache.remoteFigures?.shedLookups ?? 0),
            (.storeDown, outcome(.storeDown)), (.handshakes, clients.counters.handshakesDropped),
        ]
        // Of the whole process.
        if index == 0 {
            counts += [
                (.responsesNotStored, shared.memory.refusals), (.lookUps, shared.resolver.figures.refusals),
            ]
        }
        let new = toldLimits.new(counts)
        if !new.isEmpty { shared.limitWatch.add(new) }
    }

    func runHousekeeping() {
        if index == 0 {
            cache.sweep(limit: 4096, now: wallTime)
            shared.fills.sweep(now: loop.now)
        }
        accessLog.flush()
        noteLimits()
        fills.checkTimes(now: loop.now)
        clients.trim()
        scheduleHousekeeping()
    }
}
