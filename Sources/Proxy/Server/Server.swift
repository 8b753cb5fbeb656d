// The process's workers, their listening sockets and their configuration: started together, reloaded together, drained
// together. It lives on the control thread, whose loop also has the signals, the admin listener and the health checks.

import Bytes
import CacheStorage
import Configuration
import EventLoop
import Glibc
import Origins
import RedisStorage
import Routing
import TLS

/// Why the server could not be started or reloaded.
package struct ServerFault: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// All workers' counters at about one moment.
package struct ServerReport: Sendable {
    package var total = Counters()
    /// In the order of their indexes; silent ones are left out.
    package var workers: [(index: Int, counters: Counters)] = []
    /// The remote store as the worker sees it that is worst off; nil without one.
    package var storeState: StoreState?
    /// Workers that didn't report within the time allowed.
    package var silentWorkers = 0

    package init() {}
}

/// What came of the last reload; the start counts as one.
package struct LastReload: Sendable {
    /// Faults of the file; with any, the configuration before is in use.
    package var faults = 0
    /// By the wall clock: when it was, and when the configuration in use was taken on.
    package var milliseconds: Int64
    package var successMilliseconds: Int64
}

/// Belongs to the control thread.
package final class Server {
    package let loop: EventLoop
    package let shared: SharedState
    package let log: EventLog
    /// What the workers were told last: the configuration that holds now.
    package private(set) var update: ConfigurationUpdate
    package let started = ProcessClock.milliseconds(at: .now())
    package private(set) var isDraining = false
    package private(set) var reloads = 0
    package private(set) var failedReloads = 0
    package private(set) var lastReload: LastReload
    /// Addresses that clients reach, with the ports that the system chose.
    package internal(set) var addresses: [SocketAddress] = []

    var mailboxes: [Mailbox<WorkerMessage>] = []
    var threads: [LoopThread] = []
    let control = Mailbox<ControlMessage>()
    private var controlSocket: Socket?
    private var logTimer: LoopTimer?
    private var removalWatch = RemovalWatch()
    var gatherings: [UInt64: Gathering] = [:]
    var nextGathering: UInt64 = 0
    private var certificates: CertificateWatch!
    var healthChecks: [(group: UpstreamGroup, checks: HealthChecks)] = []
    /// In touch with other Larders on the same Redis; nil without one.
    var fleet: FleetThread?
    /// Where sentinels name the store's master.
    var masterSearch: MasterSearch?
    /// Where nodes of a cluster say which of them has which keys, and the settings that this belongs to.
    var slotSearch: (settings: StoreSettings, search: SlotSearch)?
    var finished: (() -> Void)?
    var running = 0
    /// Inherited listening sockets, by address; shared by all workers.
    let inherited: [(descriptor: Int32, address: SocketAddress)]

    enum ControlMessage: Sendable {
        case report(UInt64, worker: Int, Counters, StoreState?)
        case ended(worker: Int)
    }

    struct Gathering {
        var report = ServerReport()
        var answered: Set<Int> = []
        let timer: LoopTimer
        let done: (ServerReport) -> Void
    }

    /// - Parameters:
    ///   - inherited: listening sockets handed over by the service manager; they come first.
    ///   - descriptorLimit: how many descriptors the process may open.
    package init(
        configuration: Configuration, log: EventLog, accessLog: AccessLogSink,
        inherited: [(descriptor: Int32, address: SocketAddress)], descriptorLimit: Int = 1 << 20
    ) {
        loop = EventLoop(inputCapacity: 1 << 20)
        shared = SharedState(
            configuration, workers: Self.workers(for: configuration), descriptorLimit: descriptorLimit, log: log,
            accessLog: accessLog)
        self.log = log
        self.inherited = inherited
        lastReload = LastReload(milliseconds: loop.wallMilliseconds, successMilliseconds: loop.wallMilliseconds)
        update = ConfigurationUpdate(
            configuration: configuration, previous: nil, listenAddresses: [], newListeners: [:],
            upstreamChanged: { [log] in $0.write(to: log) })
        certificates = CertificateWatch(loop: loop, log: log) { [unowned self] in takeOn($0) }
        controlSocket = control.deliver(on: loop) { [weak self] message in self?.handle(message) }
    }

    package var configuration: Configuration { update.configuration }
    package var workerCount: Int { mailboxes.count }

    // MARK: Start

    /// Binds what is to be listened on and starts the workers. Privileges may be given up between the two by
    /// `afterBinding`.
    package func start(afterBinding: () throws(ServerFault) -> Void) throws(ServerFault) {
        let count = shared.workerCount
        // Keys are often for root alone.
        let material = try readTLS(for: configuration)
        let listeners = try bindAll(for: configuration, workers: count, having: [])
        try afterBinding()
        update = ConfigurationUpdate(
            configuration: configuration, previous: update, listenAddresses: addresses, newListeners: listeners,
            tls: material, upstreamChanged: { [log] in $0.write(to: log) })
        joinFleet()
        for index in 0..<count {
            let mailbox = Mailbox<WorkerMessage>()
            mailboxes.append(mailbox)
            let (shared, update, control) = (shared, update, control)
            let startState = WorkerStart()
            threads.append(
                LoopThread.start(name: "larder-\(index)") {
                    do {
                        let worker = try Worker(index: index, shared: shared, update: update, mailbox: mailbox)
                        for (descriptor, address) in update.takeListeners(for: index) {
                            worker.listen(on: descriptor, address: address)
                        }
                        startState.set(.running)
                        worker.run()
                    } catch {
                        startState.set(.failed("\(error)"))
                    }
                    control.post(.ended(worker: index))
                })
            if let problem = startState.wait() { throw ServerFault("worker \(index) could not be started: \(problem)") }
            running += 1
        }
        writeHeldBackLines()
        startHealthChecks()
        startMasterSearch()
        startSlotSearch()
        warnOfDescriptors(after: nil)
        certificates.follow(configuration, material)
    }

    /// From now on every second.
    private func writeHeldBackLines() {
        let timer = LoopTimer(loop: loop) { [unowned self] in
            shared.limitWatch.write(to: log, configuration.limits, now: loop.now)
            for line in removalWatch.lines(shared.stores.undelivered.figures) {
                log.write(line.level, about: "invalidations \(line.level)", line.text, now: loop.now)
            }
            log.writeHeldBack(now: loop.now)
            logTimer?.schedule(afterMilliseconds: 1_000)
        }
        logTimer = timer
        timer.schedule(afterMilliseconds: 1_000)
    }

    private static func workers(for configuration: Configuration) -> Int {
        configuration.server.workers ?? max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    }

    private func warnOfDescriptors(after previous: Configuration?) {
        guard let warning = shared.descriptors.warning(for: configuration, after: previous) else { return }
        log.write(.warning, warning)
    }

    // MARK: Reload

    /// Takes on a new configuration, or throws and changes nothing. Connections and stored entries stay.
    package func reload(_ next: Configuration) throws(ServerFault) {
        do throws(RouteTableFault) { _ = try RouteTable(next.routes) } catch { throw ServerFault("routes: \(error)") }
        let (before, previous) = (addresses, configuration)
        let material = try readTLS(for: next)
        let listeners = try bindAll(for: next, workers: mailboxes.count, having: before)
        if let workers = next.server.workers, workers != mailboxes.count {
            log.write(.warning, "server.workers takes effect at the next start; \(mailboxes.count) workers go on")
        }
        update = ConfigurationUpdate(
            configuration: next, previous: update, listenAddresses: addresses, newListeners: listeners,
            tls: material, upstreamChanged: { [log] in $0.write(to: log) })
        shared.resize(for: next)
        log.setLevel(next.log.level)
        joinFleet()
        for mailbox in mailboxes { mailbox.post(.adopt(update)) }
        startHealthChecks()
        startMasterSearch()
        startSlotSearch()
        warnOfDescriptors(after: previous)
        certificates.follow(next, material)
        reloads += 1
    }

    // MARK: Certificates

    /// Those in use, as metrics tell of them.
    package var certificateExpiries: [CertificateExpiry] { certificates.expiries }

    private func readTLS(for configuration: Configuration) throws(ServerFault) -> TLSMaterial {
        do throws(TLSMaterialFault) { return try TLSMaterial(configuration, after: update.tls) } catch {
            throw ServerFault(error.description)
        }
    }

    /// The same configuration with other certificates.
    private func takeOn(_ material: TLSMaterial) {
        update = ConfigurationUpdate(
            configuration: configuration, previous: update, listenAddresses: addresses, newListeners: [:],
            tls: material, upstreamChanged: { [log] in $0.write(to: log) })
        for mailbox in mailboxes { mailbox.post(.adopt(update)) }
        startHealthChecks()
    }

    /// A reload has ended.
    /// - Parameter faults: how many there were; 0 if the configuration was taken on.
    package func noteReload(faults: Int) {
        lastReload.faults = faults
        lastReload.milliseconds = loop.wallMilliseconds
        if faults == 0 {
            lastReload.successMilliseconds = loop.wallMilliseconds
        } else {
            failedReloads += 1
        }
    }

    private func startHealthChecks() {
        let wanted = update.groups.filter { $0.settings.check != nil }
        healthChecks.removeAll { running in
            guard !wanted.contains(where: { $0 === running.group }) else { return false }
            running.checks.stop()
            return true
        }
        for group in wanted where !healthChecks.contains(where: { $0.group === group }) {
            let checks = HealthChecks(group: group, loop: loop, resolver: shared.resolver)
            if let checks { healthChecks.append((group, checks)) }
        }
    }

    // MARK: End

    /// Stops accepting, lets requests in flight finish within `server.drain`, then calls `finished`.
    package func drain(finished: @escaping () -> Void) {
        guard !isDraining else { return }
        isDraining = true
        certificates.stop()
        self.finished = finished
        for (_, checks) in healthChecks { checks.stop() }
        endDrain(at: MonotonicTime.now().advanced(byMilliseconds: configuration.server.drain.rawValue))
    }

    /// Requests that are still in flight at that time are aborted.
    package func endDrain(at deadline: MonotonicTime) {
        for mailbox in mailboxes { mailbox.post(.drain(deadline: deadline)) }
    }

    /// Removes the sockets' paths that this process made.
    package func removeSocketFiles() {
        for address in addresses where address.family == .unix && !inherited.contains(where: { $0.address == address })
        {
            unsafe unlink(String(decoding: address.bytes, as: UTF8.self))
        }
    }
}

/// How a worker's start went, told from its thread to the one that started it.
private final class WorkerStart: Sendable {
    enum State: Sendable {
        case starting, running
        case failed(String)
    }
    private let state = Locked(State.starting)

    func set(_ new: State) { state.withLock { $0 = new } }

    /// Waits, since nothing else is to be done before the worker stands; nil once it runs.
    func wait() -> String? {
        while true {
            switch state.withLock({ $0 }) {
            case .starting: usleep(500)
            case .running: return nil
            case .failed(let problem): return problem
            }
        }
    }
}
