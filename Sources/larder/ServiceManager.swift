// Notifications to systemd (sd_notify(3)): datagrams of NAME=value lines to the socket in NOTIFY_SOCKET. Without that
// variable nothing is sent.

struct ServiceManager {
    private let socket: String?
    /// How often WATCHDOG=1 is sent: half the time after which systemd considers the process hung. Nil without a watchdog.
    let watchdogMilliseconds: Int64?

    /// Reads the variables and removes them, so that no child process uses them.
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

    func ready(status: String) { send("READY=1", "STATUS=\(status)") }
    func reloading() { send("RELOADING=1", "MONOTONIC_USEC=\(System.monotonicMicroseconds())") }
    func stopping(status: String) { send("STOPPING=1", "STATUS=\(status)") }
    func alive() { send("WATCHDOG=1") }

    private func send(_ lines: String...) {
        if let socket { System.sendDatagram(lines.joined(separator: "\n"), to: socket) }
    }
}
