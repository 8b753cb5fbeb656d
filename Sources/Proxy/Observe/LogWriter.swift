// Lines on their way to a file, a pipe or a terminal. Any thread hands them over; one thread writes, so that a slow disk or a
// full pipe stops nobody else.

import Bytes
import EventLoop
import Glibc

/// Writes what it is given, in that order, on a thread of its own, which lives while there is something to write.
final class LogWriter: Sendable {
    private struct State {
        var waiting: [[UInt8]] = []
        var bytes = 0
        var isRunning = false
        var descriptor: Int32
    }
    private let state: Locked<State>
    private let waitingLimit: Int

    /// - Parameters:
    ///   - descriptor: where to write; -1 if it isn't open yet.
    ///   - waitingLimit: what may wait, in bytes.
    init(descriptor: Int32 = -1, waitingLimit: Int) {
        state = Locked(State(descriptor: descriptor))
        self.waitingLimit = waitingLimit
    }

    /// Changes the destination of what is still to be written. Called by one thread.
    /// - Parameter isReopened: it is the same file, opened again: the descriptor keeps its number, so that a write under way
    ///   always has one, and `descriptor` is closed.
    func swap(to descriptor: Int32, isReopened: Bool) {
        guard isReopened else {
            state.withLock { $0.descriptor = descriptor }
            return
        }
        // Not under the lock: closing the old file may wait for its disk.
        let own = state.withLock { $0.descriptor }
        _ = dup2(descriptor, own)
        _ = fcntl(own, F_SETFD, FD_CLOEXEC)
        _ = close(descriptor)
    }

    /// False when too much waits already; the lines are lost then.
    func submit(_ lines: [UInt8]) -> Bool {
        let (isTaken, starts) = state.withLock { state -> (Bool, Bool) in
            guard state.bytes + lines.count <= waitingLimit else { return (false, false) }
            state.waiting.append(lines)
            state.bytes += lines.count
            defer { state.isRunning = true }
            return (true, !state.isRunning)
        }
        if starts { LoopThread.start(name: "larder-log") { [self] in writeAll() }.detach() }
        return isTaken
    }

    /// Waits until all lines are written, a second at most. As the process ends.
    func drain() {
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
                    // A terminal or pipe that somebody else has made non-blocking.
                    if errno == EAGAIN, awaitRoom(descriptor) { continue }
                    break
                }
                start += count
            }
        }
    }

    /// False if there can't be any.
    private func awaitRoom(_ descriptor: Int32) -> Bool {
        var watched = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return unsafe poll(&watched, 1, -1) >= 0 || errno == EINTR
    }
}
