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
    private let accessLog = AccessLogSink()
    private let manager = ServiceManager()
    private let admin: AdminEndpoint
    private var signals: [SignalWatch] = []
    private var watchdog: LoopTimer?
    private var freedMemory: FreedMemory?
    /// Those of the file that were logged last.
    private var warnings: [Fault] = []

    /// Takes over inherited sockets; opens nothing else yet.
    init(_ configuration: Configuration, from source: Source) throws(CommandFailure) {
        System.ignoreBrokenPipes()
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
            throw CommandFailure("\(error)")
        }
        if let prepared { adopt(prepared) }
        watch(SIGHUP) { daemon in _ = daemon.reloadAndReport() }
        watch(SIGTERM) { daemon in daemon.stop() }
        watch(SIGINT) { daemon in daemon.stop() }
        for address in server.addresses { log.write(.info, "listening on \(address)") }
        if let address = admin.address { log.write(.info, "admin listener on \(address)") }
        startWatchdog()
        let shared = server.shared
        freedMemory = FreedMemory(loop: server.loop) { shared.countedBytes }
        manager.ready(status: status)
    }

    /// Serves until a signal stops it. When it returns, all requests are complete or `server.drain` has expired.
    func run() {
        server.loop.run()
        removeSocketFiles()
        accessLog.drain()
        log.write(.info, "stopped")
    }

    private var status: String {
        "serving \(counted(server.configuration.routes.count, "route")) with \(counted(server.workerCount, "worker"))"
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

    /// Without a file nobody asked for an admin listener: if its default address is in use, the daemon runs without one.
    private func prepareAdmin() throws(ServerFault) -> AdminEndpoint.Prepared? {
        do throws(ConfigurationFaults) { return try admin.prepare(server.configuration.admin) } catch {
            let sentence = error.lines.joined(separator: "; ")
            guard case .options = source else { throw ServerFault(sentence) }
            log.write(.warning, "\(sentence); continuing without the admin listener")
            return nil
        }
    }

    private func adopt(_ prepared: AdminEndpoint.Prepared) {
        admin.adopt(prepared, on: server.loop) { descriptor, address, token in
            AdminListener(
                server: server, descriptor: descriptor, address: address, token: token, version: ProgramVersion.text,
                reload: { [unowned self] in
                    let faults = reloadAndReport()
                    return faults.isEmpty ? .reloaded : .refused(faults)
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
        for fault in faults { log.write(.error, fault) }
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
        defer { reopenAccessLog(server.configuration.log) }
        do throws(ConfigurationFaults) {
            let valid = try readConfiguration(file: path)
            let next = valid.configuration
            let prepared = try admin.prepare(next.admin)
            do throws(ServerFault) { try server.reload(next) } catch {
                admin.discard(prepared)
                return ["\(error)"]
            }
            adopt(prepared)
            report(valid.warnings)
        } catch {
            return error.lines
        }
        log.write(.notice, "configuration reloaded from \(path)")
        return []
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

    /// The first signal lets requests in flight finish, the second one stops at once.
    private func stop() {
        guard !server.isDraining else {
            log.write(.warning, "second signal: stopping at once")
            removeSocketFiles()
            accessLog.drain()
            System.exit(1)
        }
        log.write(.info, "stopping: requests in flight have \(server.configuration.server.drain) to finish")
        manager.stopping(status: "finishing requests in flight")
        server.drain { [unowned self] in server.loop.stop() }
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
