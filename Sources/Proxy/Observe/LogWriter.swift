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
        /// Whether it is to be closed once it isn't written to any more.
        var isOwned = false
        /// To be closed by the thread that writes, which may be writing to it.
        var retired: [Int32] = []
        /// The last write failed.
        var isFailing = false
        /// What was written last is the first part of a line, whose rest could not be written.
        var isWithinLine = false
        /// Lines that could not be written, since somebody asked.
        var failedLines = 0
    }
    private let state: Locked<State>
    private let waitingLimit: Int
    /// Called on the writing thread: with an `errno` and the lines that are lost, or with 0 once writing works again.
    private let reported: @Sendable (_ code: Int32, _ lines: Int) -> Void

    /// - Parameters:
    ///   - descriptor: where to write; -1 if it isn't open yet.
    ///   - waitingLimit: what may wait, in bytes.
    ///   - reported: told of each failure, and of the end of failures.
    init(
        descriptor: Int32 = -1, waitingLimit: Int,
        reported: @escaping @Sendable (_ code: Int32, _ lines: Int) -> Void = { _, _ in }
    ) {
        state = Locked(State(descriptor: descriptor))
        self.waitingLimit = waitingLimit
        self.reported = reported
    }

    /// Changes the destination of what is still to be written. Called by one thread.
    /// - Parameters:
    ///   - isOwned: whether `descriptor` is closed when it is swapped in its turn.
    ///   - isReopened: a file follows a file: the descriptor keeps its number, so that a write under way always has one, and
    ///     `descriptor` is closed.
    func swap(to descriptor: Int32, isOwned: Bool, isReopened: Bool) {
        guard isReopened else {
            let unused = state.withLock { state -> Int32? in
                let old = state.isOwned ? state.descriptor : nil
                state.descriptor = descriptor
                state.isOwned = isOwned
                state.isWithinLine = false
                guard let old, state.isRunning else { return old }
                state.retired.append(old)
                return nil
            }
            if let unused { _ = close(unused) }
            return
        }
        // Not under the lock: closing the old file may wait for its disk.
        let own = state.withLock { $0.descriptor }
        _ = dup2(descriptor, own)
        _ = fcntl(own, F_SETFD, FD_CLOEXEC)
        _ = close(descriptor)
        state.withLock { $0.isWithinLine = false }
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

    /// Lines that were taken and could not be written, since the last call.
    func takeFailedLines() -> Int {
        state.withLock { state in
            defer { state.failedLines = 0 }
            return state.failedLines
        }
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
            let (lines, descriptor, retired) = state.withLock { state -> ([UInt8]?, Int32, [Int32]) in
                let retired = state.retired
                state.retired = []
                guard !state.waiting.isEmpty else {
                    state.isRunning = false
                    return (nil, -1, retired)
                }
                let lines = state.waiting.removeFirst()
                state.bytes -= lines.count
                return (lines, state.descriptor, retired)
            }
            for old in retired { _ = close(old) }
            guard let lines else { return }
            let isWithinLine = state.withLock { $0.isWithinLine }
            var (written, code) = (0, Int32(0))
            // Whatever reads the file takes lines: what was broken off is one of its own.
            if isWithinLine { code = write([UInt8(ascii: "\n")], to: descriptor).code }
            if code == 0 { (written, code) = write(lines, to: descriptor) }
            settle(lines, written: written, code)
        }
    }

    private func settle(_ lines: [UInt8], written: Int, _ code: Int32) {
        let lost = code == 0 ? 0 : lines[written...].count { $0 == UInt8(ascii: "\n") }
        let hasChanged = state.withLock { state in
            defer { state.isFailing = code != 0 }
            if code == 0 {
                state.isWithinLine = false
            } else {
                if written > 0 { state.isWithinLine = lines[written - 1] != UInt8(ascii: "\n") }
                state.failedLines += lost
            }
            return code != 0 || state.isFailing
        }
        if hasChanged { reported(code, lost) }
    }

    /// - Returns: the bytes that were written, and the `errno` if that isn't all.
    private func write(_ lines: [UInt8], to descriptor: Int32) -> (written: Int, code: Int32) {
        var start = 0
        while start < lines.count {
            let count = unsafe lines.withUnsafeBytes { buffer in
                unsafe Glibc.write(descriptor, buffer.baseAddress! + start, buffer.count - start)
            }
            if count < 0 {
                let code = errno
                if code == EINTR { continue }
                // A terminal or pipe that somebody else has made non-blocking.
                if code == EAGAIN, awaitRoom(descriptor) { continue }
                return (start, code)
            }
            start += count
        }
        return (start, 0)
    }

    /// False if there can't be any.
    private func awaitRoom(_ descriptor: Int32) -> Bool {
        var watched = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return unsafe poll(&watched, 1, -1) >= 0 || errno == EINTR
    }
}
