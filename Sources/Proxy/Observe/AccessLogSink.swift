// The access log: one line a request, in the common, combined or JSON form. A worker puts lines into a buffer of its own
// and hands it over when it is large or a second old; one thread writes, so that a slow disk or pipe stops no worker. When
// more waits than is allowed, lines are dropped and counted.

import Bytes
import Configuration
import EventLoop
import Glibc

/// Takes finished lines from any thread and writes them on its own.
package final class AccessLogSink: Sendable {
    private struct State {
        var waiting: [[UInt8]] = []
        var bytes = 0
        var isRunning = false
        var descriptor: Int32 = -1
        var path: String?
    }
    private let state = Locked(State())
    private static let waitingLimit = 8 << 20

    package init() {}

    /// Opens the destination, or opens it again: after a rename a new file takes its place.
    package func open(_ destination: LogSettings.Destination) throws(SocketError) {
        switch destination {
        case .stdout: swap(to: STDOUT_FILENO, path: nil)
        case .file(let path):
            let descriptor = unsafe Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o640)
            guard descriptor >= 0 else { throw SocketError(operation: "open", code: errno, address: path) }
            swap(to: descriptor, path: path)
        }
    }

    /// A file's descriptor number stays the same over its reopenings, so that a write under way always has one.
    private func swap(to descriptor: Int32, path: String?) {
        state.withLock { state in
            if state.path != nil && path != nil {
                _ = dup2(descriptor, state.descriptor)
                _ = fcntl(state.descriptor, F_SETFD, FD_CLOEXEC)
                _ = close(descriptor)
            } else {
                state.descriptor = descriptor
            }
            state.path = path
        }
    }

    /// False when too much waits already; the lines are lost then.
    func submit(_ lines: [UInt8]) -> Bool {
        let (isTaken, starts) = state.withLock { state -> (Bool, Bool) in
            guard state.bytes + lines.count <= Self.waitingLimit else { return (false, false) }
            state.waiting.append(lines)
            state.bytes += lines.count
            defer { state.isRunning = true }
            return (true, !state.isRunning)
        }
        if starts { LoopThread.start(name: "larder-log") { [self] in writeAll() }.detach() }
        return isTaken
    }

    /// Waits until all lines are written, a second at most. As the process ends.
    package func drain() {
        for _ in 0..<100 {
            if state.withLock({ !$0.isRunning }) { return }
            usleep(10_000)
        }
    }

    private func writeAll() {
        while true {
            let (lines, descriptor) = state.withLock { state -> ([UInt8]?, Int32) in
                guard !state.waiting.isEmpty else {
                    state.isRunning = false
                    return (nil, -1)
                }
                let lines = state.waiting.removeFirst()
                state.bytes -= lines.count
                return (lines, state.descriptor)
            }
            guard let lines else { return }
            var start = 0
            while start < lines.count {
                let count = unsafe lines.withUnsafeBytes { buffer in
                    unsafe write(descriptor, buffer.baseAddress! + start, buffer.count - start)
                }
                if count < 0 {
                    if errno == EINTR { continue }
                    break
                }
                start += count
            }
        }
    }
}
