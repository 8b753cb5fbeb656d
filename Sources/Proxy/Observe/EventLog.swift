// One line an event, to stderr, where the journal or a terminal reads it. Never on the way of a request.

import Bytes
import Configuration
import EventLoop
import Glibc

/// Takes lines from any thread, and never makes one wait: whoever reads stderr may have stopped reading. What doesn't fit
/// is lost, and the next line that fits says how many were.
package final class EventLog: Sendable {
    private struct State {
        var level: LogSettings.Level
        /// Lines lost since the last one that was taken.
        var lost = 0
        var repeated = RepeatedLines()
    }
    private let state: Locked<State>
    private let writer: LogWriter
    /// Under systemd the journal has its own time stamps and takes the level from a prefix (sd-daemon(3)).
    private let isJournal: Bool
    /// Some thousand lines.
    private static let waitingLimit = 512 << 10

    /// - Parameter descriptor: where to write, standard error by default. It stays the caller's.
    package init(
        level: LogSettings.Level, isJournal: Bool, descriptor: Int32 = STDERR_FILENO, waitingLimit: Int = waitingLimit
    ) {
        state = Locked(State(level: level))
        writer = LogWriter(descriptor: descriptor, waitingLimit: waitingLimit)
        self.isJournal = isJournal
    }

    package func setLevel(_ new: LogSettings.Level) { state.withLock { $0.level = new } }

    package func write(_ level: LogSettings.Level, _ message: String) {
        state.withLock { state in
            if level.rank >= state.level.rank { submit(level, message, &state) }
        }
    }

    /// Writes about something that may happen often. Of one subject the first lines are written at once; then the latest is
    /// held back for some seconds, and says how many there were.
    package func write(_ level: LogSettings.Level, about subject: String, _ message: String, now: MonotonicTime) {
        let line = RepeatedLines.Line(level: level, message: message)
        state.withLock { state in
            guard level.rank >= state.level.rank, state.repeated.admits(line, about: subject, now: now) else { return }
            submit(level, message, &state)
        }
    }

    /// Writes what was held back long enough. To be called every second.
    package func writeHeldBack(now: MonotonicTime) {
        state.withLock { state in
            guard !state.repeated.isEmpty else { return }
            for line in state.repeated.takeDue(now: now) { submit(line.level, line.message, &state) }
        }
    }

    /// Writes what is held back, and waits until all lines are written, a second at most. As the process ends.
    package func drain() {
        state.withLock { state in
            for line in state.repeated.takeAll() { submit(line.level, line.message, &state) }
        }
        writer.drain()
    }

    private func submit(_ level: LogSettings.Level, _ message: String, _ state: inout State) {
        state.lost += writer.takeFailedLines()
        if state.lost > 0 {
            let loss = state.lost == 1 ? "1 line of this log was" : "\(state.lost) lines of this log were"
            guard writer.submit(line(.warning, "\(loss) lost: writing was too slow, or failed")) else {
                state.lost += 1
                return
            }
            state.lost = 0
        }
        if !writer.submit(line(level, message)) { state.lost += 1 }
    }

    private func line(_ level: LogSettings.Level, _ message: String) -> [UInt8] {
        let clean = message.unicodeScalars.map { $0.value < 0x20 ? " " : String($0) }.joined()
        let line = isJournal ? "<\(level.syslogPriority)>\(clean)\n" : "\(timestamp()) \(level.rawValue) \(clean)\n"
        return Array(line.utf8)
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
