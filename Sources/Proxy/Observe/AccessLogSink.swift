// The access log: one line a request, in the common, combined or JSON form. A worker puts lines into a buffer of its own
// and hands it over when it is large or a second old. When more waits to be written than is allowed, or writing fails, lines are
// dropped, counted, and the event log says so.

import Bytes
import Configuration
import EventLoop
import Glibc

/// Takes finished lines from any thread. Opened and opened again by one thread.
package final class AccessLogSink: Sendable {
    private let writer: LogWriter
    private let losses: AccessLogLosses

    /// - Parameter log: told of lines that are lost.
    package init(log: EventLog? = nil) {
        let losses = AccessLogLosses(log: log)
        self.losses = losses
        writer = LogWriter(waitingLimit: 8 << 20) { code, lines in losses.noteWriting(code, lines) }
    }

    /// Lines that were taken and could not be written.
    package var failedLines: Int { losses.failedLines }

    /// A destination that is open, and isn't written to yet.
    package struct Prepared {
        fileprivate let descriptor: Int32
        fileprivate let path: String?
    }

    /// Opens the destination, or opens it again: after a rename a new file takes its place. Nothing changes until
    /// ``adopt(_:)``.
    package func prepare(_ destination: LogSettings.Destination) throws(SocketError) -> Prepared {
        switch destination {
        case .stdout: return Prepared(descriptor: STDOUT_FILENO, path: nil)
        case .file(let path):
            let descriptor = unsafe Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o640)
            guard descriptor >= 0 else { throw SocketError(operation: "open", code: errno, address: path) }
            return Prepared(descriptor: descriptor, path: path)
        }
    }

    /// From now on lines go there.
    package func adopt(_ prepared: Prepared) {
        let before = losses.setPath(prepared.path)
        writer.swap(
            to: prepared.descriptor, isOwned: prepared.path != nil, isReopened: before != nil && prepared.path != nil)
    }

    package func discard(_ prepared: Prepared) {
        if prepared.path != nil { _ = close(prepared.descriptor) }
    }

    package func open(_ destination: LogSettings.Destination) throws(SocketError) { adopt(try prepare(destination)) }

    /// False when too much waits already; the lines are lost then.
    /// - Parameter count: how many lines there are.
    func submit(_ lines: [UInt8], count: Int) -> Bool {
        if writer.submit(lines) { return true }
        losses.noteDropped(count)
        return false
    }

    /// Waits until all lines are written, a second at most. As the process ends.
    package func drain() { writer.drain() }
}

/// What is lost of the access log, and what is told of that.
private final class AccessLogLosses: Sendable {
    private struct State {
        /// Of the file that is open.
        var path: String?
        var failedLines = 0
        /// Since writing began to fail, or to be too slow.
        var lost = 0
    }
    private let state = Locked(State())
    private let log: EventLog?

    init(log: EventLog?) { self.log = log }

    var failedLines: Int { state.withLock { $0.failedLines } }

    /// - Returns: the path before.
    func setPath(_ new: String?) -> String? {
        state.withLock { state in
            defer { state.path = new }
            return state.path
        }
    }

    func noteWriting(_ code: Int32, _ lines: Int) {
        let (place, lost) = state.withLock { state in
            state.failedLines += lines
            state.lost += lines
            defer { if code == 0 { state.lost = 0 } }
            return (state.path ?? "standard output", state.lost)
        }
        let text =
            code == 0
            ? "\(place) is written again; lines lost: \(lost)"
            : "writing to \(place) failed: \(errorText(code)); lines lost so far: \(lost)"
        log?.write(code == 0 ? .notice : .error, about: "access log", "access log: \(text)", now: MonotonicTime.now())
    }

    func noteDropped(_ lines: Int) {
        let place = state.withLock { $0.path ?? "standard output" }
        log?.write(
            .error, about: "access log dropped", "access log: writing to \(place) is too slow; lines dropped: \(lines)",
            now: MonotonicTime.now())
    }
}
