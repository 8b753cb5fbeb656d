// The access log: one line a request, in the common, combined or JSON form. A worker puts lines into a buffer of its own
// and hands it over when it is large or a second old. When more waits to be written than is allowed, lines are dropped and
// counted.

import Bytes
import Configuration
import EventLoop
import Glibc

/// Takes finished lines from any thread. Opened and opened again by one thread.
package final class AccessLogSink: Sendable {
    private let writer = LogWriter(waitingLimit: 8 << 20)
    /// Of the file that is open.
    private let path = Locked<String?>(nil)

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

    private func swap(to descriptor: Int32, path new: String?) {
        let isReopened = path.withLock { path in
            defer { path = new }
            return path != nil && new != nil
        }
        writer.swap(to: descriptor, isReopened: isReopened)
    }

    /// False when too much waits already; the lines are lost then.
    func submit(_ lines: [UInt8]) -> Bool { writer.submit(lines) }

    /// Waits until all lines are written, a second at most. As the process ends.
    package func drain() { writer.drain() }
}
