// The process that serves: it puts the server, the admin listener, the logs, the signals and the service manager
// together, and runs the control loop on the main thread until the last request is answered.

import Admin
import Configuration
import EventLoop
import Glibc
import Proxy

/// Belongs to the main thread, which is the control thread.
final class Daemon {
    /// What a reload reads again.
    enum Source {
        case file(String)
        /// Options of the command line: there is nothing to read again.
        case options
    }

    let server: Server
    private let source: Source
    private let log: EventLog
    private let accessLog = AccessLogSink()
    private let manager = ServiceManager()
    private let admin: AdminPlace
    private var signals: [SignalWatch] = []
    private var watchdog: LoopTimer?

    /// Opens nothing yet but what was handed over.
    init(_ configuration: Configuration, from source: Source) throws(CommandFailure) {
        System.ignoreBrokenPipes()
        System.raiseDescriptorLimit()
        let inherited: InheritedSockets
        do throws(SystemFault) {
            inherited = try InheritedSockets(admin: configuration.admin.listen)
        } catch {
            throw CommandFailure("\(error)")
        }
        admin = AdminPlace(inherited: inherited.admin)
        self.source = source
        log = EventLog(level: configuration.log.level, isJournal: System.standardErrorIsJournal)
        server = Server(configuration: configuration, log: log, accessLog: accessLog, inherited: inherited.clients)
    }

    // MARK: Start

    /// Listens, gives up privileges, starts the workers. Nothing is served where this throws.
    func start() throws(CommandFailure) {
        var prepared: AdminPlace.Prepared?
        do throws(ServerFault) {
            try server.start { () throws(ServerFault) in
                prepared = try prepareAdmin()
                try takeOnIdentity()
                try openAccessLog(server.configuration.log)
            }
        } catch {
            throw CommandFailure("\(error)")
        }
        if let prepared { adopt(prepared) }
        watch(SIGHUP) { daemon in _ = daemon.reloadAnnounced() }
        watch(SIGTERM) { daemon in daemon.stop() }
        watch(SIGINT) { daemon in daemon.stop() }
        for address in server.addresses { log.write(.info, "listening on \(address)") }
        if let address = admin.address { log.write(.info, "admin listening on \(address)") }
        startWatchdog()
        manager.ready(status: status)
    }

    /// Serves until a signal ends it. All requests have been answered, or their time is over, when it returns.
    func run() {
        server.loop.run()
        removeSocketFiles()
        accessLog.drain()
        log.write(.info, "stopped")
    }

    private var status: String {
        "serving \(counted(server.configuration.routes.count, "route")) with \(counted(server.workerCount, "worker"))"
    }

    private func takeOnIdentity() throws(ServerFault) {
        let settings = server.configuration.server
        guard settings.user != nil || settings.group != nil else { return }
        guard System.isRoot else {
            log.write(.warning, "server.user and server.group are left alone: only root can become somebody else")
            return
        }
        do throws(SystemFault) {
            try System.takeOnIdentity(user: settings.user, group: settings.group)
        } catch {
            throw ServerFault("\(error)")
        }
    }

    /// After the change of user, so that a file which that user can't open is found at the start and not at the first
    /// rotation.
    private func openAccessLog(_ settings: LogSettings) throws(ServerFault) {
        do throws(SocketError) { try accessLog.open(settings.to) } catch { throw ServerFault("log.to: \(error)") }
    }

    /// Without a file nobody has asked for the admin's address: the daemon does without it where that is taken.
    private func prepareAdmin() throws(ServerFault) -> AdminPlace.Prepared? {
        do throws(ConfigurationFaults) { return try admin.prepare(server.configuration.admin) } catch {
            let sentence = error.lines.joined(separator: "; ")
            guard case .options = source else { throw ServerFault(sentence) }
            log.write(.warning, "\(sentence); going on without an admin listener")
            return nil
        }
    }

    private func adopt(_ prepared: AdminPlace.Prepared) {
        admin.adopt(prepared, on: server.loop) { descriptor, address, token in
            AdminListener(
                server: server, descriptor: descriptor, address: address, token: token, version: ProgramVersion.text,
                reload: { [unowned self] in
                    let faults = reloadAnnounced()
                    return faults.isEmpty ? .reloaded : .refused(faults)
                },
                effectiveConfiguration: { [unowned self] in Array(server.configuration.effectiveYAML().utf8) })
        }
    }

    private func watch(_ signal: Int32, _ action: @escaping (Daemon) -> Void) {
        signals.append(SignalWatch(loop: server.loop, signal: signal) { [unowned self] in action(self) })
    }

    // MARK: Reload

    /// Tells the service manager and the log about it, whoever asked.
    @discardableResult
    private func reloadAnnounced() -> [String] {
        guard !server.isDraining else { return ["the daemon is stopping"] }
        manager.reloading()
        let faults = reload()
        for fault in faults { log.write(.error, fault) }
        if !faults.isEmpty { log.write(.error, "\(counted(faults.count, "fault")): nothing has changed") }
        manager.ready(status: status)
        return faults
    }

    /// Reads the file again and reopens the access log. The faults are why nothing has changed; none: it is done.
    private func reload() -> [String] {
        guard case .file(let path) = source else {
            reopenAccessLog(server.configuration.log)
            log.write(.notice, "nothing to reload: there is no file, the options of the command line hold")
            return []
        }
        defer { reopenAccessLog(server.configuration.log) }
        do throws(ConfigurationFaults) {
            let next = try readConfiguration(file: path)
            let prepared = try admin.prepare(next.admin)
            do throws(ServerFault) { try server.reload(next) } catch {
                admin.discard(prepared)
                return ["\(error)"]
            }
            adopt(prepared)
        } catch {
            return error.lines
        }
        log.write(.notice, "\(path) is taken on")
        return []
    }

    /// A log that can't be opened anew goes on where it is: lines are worth more than their place.
    private func reopenAccessLog(_ settings: LogSettings) {
        do throws(SocketError) { try accessLog.open(settings.to) } catch { log.write(.error, "log.to: \(error)") }
    }

    // MARK: End

    /// The first time requests in flight may finish, the second time nothing is waited for.
    private func stop() {
        guard !server.isDraining else {
            log.write(.warning, "stopped at once by a second signal")
            removeSocketFiles()
            accessLog.drain()
            System.exit(1)
        }
        log.write(.info, "stopping: requests in flight have \(server.configuration.server.drain)")
        manager.stopping(status: "finishing requests in flight")
        server.drain { [unowned self] in server.loop.stop() }
    }

    private func removeSocketFiles() {
        server.removeSocketFiles()
        admin.removeSocketFile()
    }

    // MARK: Watchdog

    /// WATCHDOG=1 is said only when every worker has answered, so that a hung one gets the process restarted. While it
    /// drains, workers end one by one; `server.drain` bounds that time.
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
