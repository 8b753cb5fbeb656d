// What systemd is told (sd_notify(3)): a datagram of NAME=value lines to the socket that NOTIFY_SOCKET names. Without
// one, nothing is said.

struct ServiceManager {
    private let socket: String?
    /// How often WATCHDOG=1 has to be said: half the time after which systemd takes the process for hung. Nil without
    /// a watchdog.
    let watchdogMilliseconds: Int64?

    /// Reads the environment, and takes it out so that no child is mistaken for this process.
    init() {
        socket = System.environment("NOTIFY_SOCKET")
        watchdogMilliseconds = Self.watchdogInterval(
            microseconds: System.environment("WATCHDOG_USEC"), process: System.environment("WATCHDOG_PID"),
            identifier: System.processIdentifier)
        for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] { System.removeEnvironment(name) }
    }

    static func watchdogInterval(microseconds: String?, process: String?, identifier: Int) -> Int64? {
        guard let microseconds = microseconds.flatMap({ Int64($0) }), microseconds > 0 else { return nil }
        if let process, Int(process) != identifier { return nil }
        return max(1, microseconds / 2000)
    }

    func ready(status: String) { say("READY=1", "STATUS=\(status)") }
    func reloading() { say("RELOADING=1", "MONOTONIC_USEC=\(System.monotonicMicroseconds())") }
    func stopping(status: String) { say("STOPPING=1", "STATUS=\(status)") }
    func alive() { say("WATCHDOG=1") }

    private func say(_ lines: String...) {
        if let socket { System.sendDatagram(lines.joined(separator: "\n"), to: socket) }
    }
}
