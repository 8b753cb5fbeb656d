// The access log: one line a request, in the common, combined or JSON form. A worker puts lines into a buffer of its own
// and hands it over when it is large or a second old; one thread writes, so that a slow disk or pipe stops no worker. When
// more waits than is allowed, lines are dropped and counted.

import Configuration
import EventLoop
import Glibc
import HTTPWire
import Synchronization

/// Takes finished lines from any thread and writes them on its own.
package final class AccessLogSink: Sendable {
    private struct State {
        var waiting: [[UInt8]] = []
        var bytes = 0
        var isRunning = false
        var descriptor: Int32 = -1
        var path: String?
    }
    private let state = Mutex(State())
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

/// A worker's lines on their way to the sink.
final class AccessLogBuffer {
    var format = LogSettings.Access.off
    private(set) var dropped = 0
    private let sink: AccessLogSink
    private var lines = ByteBuffer(minimumCapacity: 4096)
    private var count = 0
    private static let handOver = 32 << 10

    init(sink: AccessLogSink) { self.sink = sink }

    func flush() {
        guard !lines.isEmpty else { return }
        if !sink.submit(lines.span.copied()) { dropped += count }
        lines.removeAll(keepingUpTo: 64 << 10)
        count = 0
    }

    func append(_ transaction: Transaction, now: MonotonicTime, wallMilliseconds: Int64) {
        switch format {
        case .off: return
        case .common: appendCommon(transaction, wallMilliseconds, isCombined: false)
        case .combined: appendCommon(transaction, wallMilliseconds, isCombined: true)
        case .json: appendJSON(transaction, now: now, wallMilliseconds)
        }
        count += 1
        if lines.count >= Self.handOver { flush() }
    }

    private func appendCommon(_ transaction: Transaction, _ wallMilliseconds: Int64, isCombined: Bool) {
        lines.append(peer(of: transaction))
        lines.append(" - - [")
        appendCommonTime(wallMilliseconds / 1000)
        lines.append("] \"")
        appendEscaped(transaction.bytes.extracting(transaction.head.methodRange))
        lines.append(" ")
        appendEscaped(transaction.bytes.extracting(transaction.head.target))
        lines.append(transaction.head.minorVersion == 0 ? " HTTP/1.0\" " : " HTTP/1.1\" ")
        lines.append(decimal: transaction.status)
        lines.append(" ")
        lines.append(decimal: transaction.bodyBytes)
        if isCombined {
            appendQuoted(transaction, .referer)
            appendQuoted(transaction, .userAgent)
            lines.append(" \"")
            lines.append(transaction.verdict.text)
            lines.append("\"")
        }
        lines.append("\n")
    }

    private func appendQuoted(_ transaction: Transaction, _ name: FieldName) {
        lines.append(" \"")
        if let value = transaction.head.first(name) {
            appendEscaped(transaction.bytes.extracting(value))
        } else {
            lines.append("-")
        }
        lines.append("\"")
    }

    private func appendJSON(_ transaction: Transaction, now: MonotonicTime, _ wallMilliseconds: Int64) {
        lines.append("{\"time\":\"")
        appendISOTime(wallMilliseconds)
        lines.append("\",\"client\":\"")
        lines.append(peer(of: transaction))
        lines.append("\",\"method\":\"")
        appendEscaped(transaction.bytes.extracting(transaction.head.methodRange))
        lines.append("\",\"host\":\"")
        appendEscaped(transaction.bytes.extracting(transaction.head.authority))
        lines.append("\",\"target\":\"")
        appendEscaped(transaction.bytes.extracting(transaction.head.target))
        lines.append("\",\"status\":")
        lines.append(decimal: transaction.status)
        lines.append(",\"bytes\":")
        lines.append(decimal: transaction.bodyBytes)
        lines.append(",\"cache\":\"")
        lines.append(transaction.verdict.text)
        lines.append("\",\"outcome\":\"")
        lines.append(transaction.outcome.slug)
        lines.append("\"")
        if let reason = transaction.notStoredReason ?? transaction.reason {
            lines.append(",\"reason\":\"")
            lines.append(reason.slug)
            lines.append("\"")
        }
        lines.append(",\"ms\":")
        lines.append(decimal: Int(now.milliseconds(since: transaction.began)))
        lines.append("}\n")
    }

    private func peer(of transaction: Transaction) -> [UInt8] {
        guard let client = transaction.client else { return [UInt8(ascii: "-")] }
        return client.peer.family == .unix ? Array("unix:".utf8) : Array(client.peer.address.host.utf8)
    }

    /// Quotation marks, backslashes, control characters and whatever isn't ASCII can't leave their field.
    private func appendEscaped(_ text: Span<UInt8>) {
        for index in text.indices {
            let byte = text[index]
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                lines.append(UInt8(ascii: "\\"))
                lines.append(byte)
            } else if byte < 0x20 || byte >= 0x7F {
                lines.append("\\u00")
                lines.append(Self.hexDigits[Int(byte >> 4)])
                lines.append(Self.hexDigits[Int(byte & 15)])
            } else {
                lines.append(byte)
            }
        }
    }

    private static let hexDigits = Array("0123456789abcdef".utf8)

    private func appendCommonTime(_ seconds: Int64) {
        // `Sun, 06 Nov 1994 08:49:37 GMT` has every part that is needed.
        var date = ByteBuffer(minimumCapacity: 64)
        HTTPDate.append(seconds, to: &date)
        lines.append(date.span.extracting(5..<7))
        lines.append("/")
        lines.append(date.span.extracting(8..<11))
        lines.append("/")
        lines.append(date.span.extracting(12..<16))
        lines.append(":")
        lines.append(date.span.extracting(17..<25))
        lines.append(" +0000")
    }

    private func appendISOTime(_ milliseconds: Int64) {
        var clock = time_t(milliseconds / 1000)
        var parts = unsafe tm()
        unsafe gmtime_r(&clock, &parts)
        append(Int(unsafe parts.tm_year) + 1900, digits: 4)
        lines.append("-")
        append(Int(unsafe parts.tm_mon) + 1, digits: 2)
        lines.append("-")
        append(Int(unsafe parts.tm_mday), digits: 2)
        lines.append("T")
        append(Int(unsafe parts.tm_hour), digits: 2)
        lines.append(":")
        append(Int(unsafe parts.tm_min), digits: 2)
        lines.append(":")
        append(Int(unsafe parts.tm_sec), digits: 2)
        lines.append(".")
        append(Int(milliseconds % 1000), digits: 3)
        lines.append("Z")
    }

    private func append(_ value: Int, digits: Int) {
        var divisor = 1
        for _ in 1..<digits { divisor *= 10 }
        while divisor > 0 {
            lines.append(UInt8(truncatingIfNeeded: 0x30 + value / divisor % 10))
            divisor /= 10
        }
    }
}
