// One line an event, to stderr, where the journal or a terminal reads it. Never on the way of a request.

import Bytes
import Configuration
import EventLoop
import Glibc

/// Writes from any thread; a line is one write.
package final class EventLog: Sendable {
    private let level: Locked<LogSettings.Level>
    /// Under systemd the journal has its own time stamps and takes the level from a prefix (sd-daemon(3)).
    private let isJournal: Bool

    package init(level: LogSettings.Level, isJournal: Bool) {
        self.level = Locked(level)
        self.isJournal = isJournal
    }

    package func setLevel(_ new: LogSettings.Level) { level.withLock { $0 = new } }

    package func write(_ level: LogSettings.Level, _ message: String) {
        guard level.rank >= self.level.withLock({ $0 }).rank else { return }
        let clean = message.unicodeScalars.map { $0.value < 0x20 ? " " : String($0) }.joined()
        let line = isJournal ? "<\(level.syslogPriority)>\(clean)\n" : "\(timestamp()) \(level.rawValue) \(clean)\n"
        let bytes = Array(line.utf8)
        unsafe bytes.withUnsafeBytes { buffer in
            _ = unsafe Glibc.write(STDERR_FILENO, buffer.baseAddress, buffer.count)
        }
    }

    private func timestamp() -> String {
        var now = time(nil)
        var parts = unsafe tm()
        unsafe gmtime_r(&now, &parts)
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let date = unsafe "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
        let clock = unsafe "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
        return "\(date)T\(clock)Z"
    }
}

extension LogSettings.Level {
    fileprivate var rank: Int {
        switch self {
        case .debug: 0
        case .info: 1
        case .notice: 2
        case .warning: 3
        case .error: 4
        }
    }

    fileprivate var syslogPriority: Int {
        switch self {
        case .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        }
    }
}
