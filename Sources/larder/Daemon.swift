// The daemon process. It connects the server, the admin listener, the logs, the signals and the service manager, and runs the
// control loop on the main thread until the last request is complete.

import Admin
import Configuration
import ConfigurationReader
import EventLoop
import Glibc
import Proxy

/// Belongs to the main thread, which is the control thread.
final class Daemon {
    /// What a reload reads.
    enum Source {
        case file(String)
        /// Command-line options: there is nothing to reload.
        case options
    }

    let server: Server
    private let source: Source
    private let log: EventLog
    private let accessLog: AccessLogSink
    private let manager = ServiceManager()
    private let admin: AdminEndpoint
    private var signals: [SignalWatch] = []
    private var watchdog: LoopTimer?
    private var freedMemory: FreedMemory?
    /// When the first signal to stop came.
    private var drainBegan: MonotonicTime?
    /// Since a second signal: ends the wait for workers.
    private var haste: LoopTimer?
    /// A file may have thousands of faults, one for each route.
    private static let loggedFaults = 20
    private static let repeatMilliseconds: Int64 = 1_000
    /// Those of the file that were logged last.
    private var warnings: [Fault] = []

    /// Takes over inherited sockets; opens nothing else yet.
    init(_ configuration: Configuration, from source: Source) throws(CommandFailure) {
        System.ignoreBrokenPipes()
        // What log rotation and careless scripts send ends nothing, not even while the daemon starts; nor does a log file that is
        // as large as files may be.
        for signal in [SIGHUP, SIGUSR1, SIGUSR2, SIGQUIT, SIGXFSZ] { System.ignore(signal: signal) }
        let descriptorLimit = System.raiseDescriptorLimit()
        System.returnFreedMemory()
        let inherited: InheritedSockets
        do throws(SystemFault) {
            inherited = try InheritedSockets(admin: configuration.admin.listen)
        } catch {
            throw CommandFailure("\(error)")
        }
        admin = AdminEndpoint(inherited: inherited.admin)
        self.source = source
        log = EventLog(level: configuration.log.level, isJournal: System.standardErrorIsJournal)
        accessLog = AccessLogSink(log: log)
        server = Server(
            configuration: configuration, log: log, accessLog: accessLog, inherited: inherited.clients,
            descriptorLimit: descriptorLimit)
    }

    // MARK: Start

    /// Listens, drops privileges, starts the workers. If it throws, nothing is served.
    func start() throws(CommandFailure) {
        var prepared: AdminEndpoint.Prepared?
        do throws(ServerFault) {
            try server.start { () throws(ServerFault) in
                prepared = try prepareAdmin()
                try switchUser()
                try openAccessLog(server.configuration.log)
            }
        } catch {
            log.drain()
            throw CommandFailure("\(error)")
        }
        if let prepared { adopt(prepared) }
        watch(SIGHUP) { daemon in _ = daemon.reloadAndReport() }
        watch(SIGUSR1) { daemon in daemon.reopenLogs() }
        watch(SIGTERM) { daemon in daemon.stop() }
        watch(SIGINT) { daemon in daemon.stop() }
        log.write(.info, summary)
        for address in server.addresses { log.write(.info, "listening on \(address)") }
        if let address = admin.address { log.write(.info, "admin listener on \(address)") }
        startWatchdog()
        let shared = server.shared
        freedMemory = FreedMemory(loop: server.loop) { shared.countedBytes }
        manager.ready(status: status)
    }

    /// Serves until a signal stops it. When it returns, all requests are complete or `server.drain` has expired; after a
    /// second signal it exits.
    func run() {
        server.loop.run()
        removeSocketFiles()
        accessLog.drain()
        log.write(.info, "stopped")
        log.drain()
        if haste != nil { System.exit(1) }
    }

    private var status: String {
        "serving \(counted(server.configuration.routes.count, "route")) with \(counted(server.workerCount, "worker"))"
    }

    /// What runs here, in one line.
    private var summary: String {
        let configuration = server.configuration
        let origin = if case .file(let path) = source { path } else { "the command line" }
        let store = configuration.store
        var place = store.backend.rawValue
        if store.usesMemory { place += " (\(store.memory))" }
        if store.usesRedis, let redis = store.redis { place += " at \(redis.address)" }
        return "larder \(ProgramVersion.text) started: configuration from \(origin), "
            + "\(counted(configuration.routes.count, "route")), \(counted(configuration.upstreams.count, "upstream")), "
            + "store \(place), \(counted(server.workerCount, "worker"))"
    }

    private func switchUser() throws(ServerFault) {
        let settings = server.configuration.server
        guard settings.user != nil || settings.group != nil else { return }
        guard System.isRoot else {
            log.write(.warning, "server.user and server.group are ignored: not running as root")
            return
        }
        do throws(SystemFault) {
            try System.switchUser(user: settings.user, group: settings.group)
        } catch {
            throw ServerFault("\(error)")
        }
    }

    /// After the change of user, so that a file that this user can't open is reported at the start, not at the first log
    /// rotation.
    private func openAccessLog(_ settings: LogSettings) throws(ServerFault) {
        do throws(SocketError) { try accessLog.open(settings.to) } catch { throw ServerFault("log.to: \(error)") }
    }

    /// An address that is in use is a failed start, with a file and without: the commands of this daemon would reach another one
    /// there.
    private func prepareAdmin() throws(ServerFault) -> AdminEndpoint.Prepared {
        do throws(ConfigurationFaults) { return try admin.prepare(server.configuration.admin) } catch {
            let sentence = error.lines.joined(separator: "; ")
            guard case .options = source else { throw ServerFault(sentence) }
            throw ServerFault("\(sentence); choose another address with --admin, or --admin off")
        }
    }

    private func adopt(_ prepared: AdminEndpoint.Prepared) {
        admin.adopt(prepared, on: server.loop) { descriptor, address, token in
            AdminListener(
                server: server, descriptor: descriptor, address: address, token: token, version: ProgramVersion.text,
                reload: { [unowned self] in
                    let faults = reloadAndReport()
                    if !faults.isEmpty { return .refused(faults) }
                    return if case .options = source { .nothingToReload } else { .reloaded }
                },
                effectiveConfiguration: { [unowned self] in Array(server.configuration.effectiveYAML().utf8) })
        }
    }

    private func watch(_ signal: Int32, _ action: @escaping (Daemon) -> Void) {
        signals.append(SignalWatch(loop: server.loop, signal: signal) { [unowned self] in action(self) })
    }

    // MARK: Reload

    /// Reloads, and reports to the log and the service manager. Returns the faults.
    @discardableResult
    private func reloadAndReport() -> [String] {
        guard !server.isDraining else { return ["the daemon is stopping"] }
        manager.reloading()
        let faults = reload()
        for fault in faults.prefix(Self.loggedFaults) { log.write(.error, fault) }
        if faults.count > Self.loggedFaults {
            log.write(.error, "and \(faults.count - Self.loggedFaults) more errors; `larder check` prints all")
        }
        if !faults.isEmpty { log.write(.error, "configuration not reloaded: \(counted(faults.count, "error"))") }
        manager.ready(status: status)
        return faults
    }

    /// Reloads the file and reopens the access log. Returns the faults; with any, nothing has changed.
    private func reload() -> [String] {
        guard case .file(let path) = source else {
            reopenAccessLog(server.configuration.log)
            log.write(.notice, "nothing to reload: Larder was started without a configuration file")
            return []
        }
        let faults = reload(file: path)
        server.noteReload(faults: faults.count)
        if faults.isEmpty {
            log.write(.notice, "configuration reloaded from \(path)")
        } else {
            // Whoever rotates logs with SIGHUP has done so, whatever is wrong with the file.
            reopenAccessLog(server.configuration.log)
        }
        return faults
    }

    /// Everything that may fail comes first, so that a fault changes nothing.
    private func reload(file path: String) -> [String] {
        do throws(ConfigurationFaults) {
            let valid = try readConfiguration(file: path)
            let next = valid.configuration
            let newAdmin = try admin.prepare(next.admin)
            let newLog: AccessLogSink.Prepared
            do throws(SocketError) { newLog = try accessLog.prepare(next.log.to) } catch {
                admin.discard(newAdmin)
                return ["log.to: \(error)"]
            }
            do throws(ServerFault) { try server.reload(next) } catch {
                admin.discard(newAdmin)
                accessLog.discard(newLog)
                return ["\(error)"]
            }
            adopt(newAdmin)
            accessLog.adopt(newLog)
            report(valid.warnings)
            return []
        } catch {
            return error.lines
        }
    }

    private func reopenLogs() {
        reopenAccessLog(server.configuration.log)
        if case .file(let path) = server.configuration.log.to { log.write(.info, "log file \(path) reopened") }
    }

    /// If the log can't be reopened, the old file stays in use, so that no lines are lost.
    private func reopenAccessLog(_ settings: LogSettings) {
        do throws(SocketError) { try accessLog.open(settings.to) } catch { log.write(.error, "log.to: \(error)") }
    }

    /// Logs the file's warnings, unless they are the same as last time.
    func report(_ warnings: [Fault]) {
        guard warnings != self.warnings else { return }
        self.warnings = warnings
        for warning in warnings.prefix(20) { log.write(.warning, warning.sentence) }
        if warnings.count > 20 { log.write(.warning, "\(warnings.count - 20) more warnings: see larder check") }
    }

    func note(_ sentence: String) { log.write(.notice, sentence) }

    // MARK: End

    /// The first signal lets requests in flight finish, another one stops at once. One that follows within a second is the same
    /// one: a terminal and the program that runs in it send it twice.
    private func stop() {
        if let drainBegan {
            guard MonotonicTime.now().milliseconds(since: drainBegan) >= Self.repeatMilliseconds else { return }
            return stopAtOnce()
        }
        drainBegan = MonotonicTime.now()
        log.write(.info, "stopping: requests in flight have \(server.configuration.server.drain) to finish")
        manager.stopping(status: "finishing requests in flight")
        server.drain { [unowned self] in server.loop.stop() }
    }

    /// Workers abort what is in flight, and say what it may have changed; one that hangs isn't waited for.
    private func stopAtOnce() {
        guard haste == nil else { return }
        log.write(.warning, "second signal: stopping at once")
        server.endDrain(at: .now())
        let timer = LoopTimer(loop: server.loop) { [unowned self] in server.loop.stop() }
        timer.schedule(afterMilliseconds: Self.repeatMilliseconds)
        haste = timer
    }

    private func removeSocketFiles() {
        server.removeSocketFiles()
        admin.removeSocketFile()
    }

    // MARK: Watchdog

    /// WATCHDOG=1 is sent only if every worker responded, so that systemd restarts the process if one hangs. While draining,
    /// workers end one by one; `server.drain` limits that time.
    private func startWatchdog() {
        guard let interval = manager.watchdogMilliseconds else { return }
        let timer = LoopTimer(loop: server.loop) { [unowned self] in
            watchdog?.schedule(afterMilliseconds: interval)
            guard !server.isDraining else { return manager.alive() }
            server.gather { [unowned self] report in
                if report.silentWorkers == 0 || server.isDraining { manager.alive() }
            }
        }
        watchdog = timer
        timer.schedule(afterMilliseconds: interval)
        manager.alive()
    }
}
