// How a request reads in the access log: the common, combined and JSON forms, in a worker's own buffer.

import Bytes
import Clients
import Configuration
import EventLoop
import Glibc
import HTTPCaching
import HTTPSemantics
import HTTPWire

/// What is logged of a request that is over.
struct AccessLogEntry {
    let message: RequestMessage
    /// Who sent it: the peer, or whom a trusted proxy names.
    let client: PeerAddress
    /// What the request is called; nil where the format doesn't say.
    let identifier: RequestIdentifier?
    let status: Int
    /// Of the response's content.
    let bytes: Int
    let verdict: CacheVerdict
    let outcome: Outcome
    /// Why it was answered as it was.
    let reason: Reason?
    /// What was wrong with the bytes of one side.
    let fault: WireError?
}

/// A worker's lines on their way to the sink. Once its buffer has grown, a line allocates nothing.
final class AccessLogBuffer {
    var format = LogSettings.Access.off
    private(set) var dropped = 0
    private let sink: AccessLogSink
    private var lines = ByteBuffer(minimumCapacity: 4096)
    private var count = 0
    // Kept from line to line.
    private var date = ByteBuffer(minimumCapacity: 64)
    private static let handOver = 32 << 10

    init(sink: AccessLogSink) { self.sink = sink }

    func flush() {
        guard !lines.isEmpty else { return }
        if !sink.submit(lines.span.copied(), count: count) { dropped += count }
        lines.removeAll(keepingUpTo: 64 << 10)
        count = 0
    }

    func append(_ entry: AccessLogEntry, now: MonotonicTime, wallMilliseconds: Int64) {
        switch format {
        case .off: return
        case .common: appendCommon(entry, wallMilliseconds, isCombined: false)
        case .combined: appendCommon(entry, wallMilliseconds, isCombined: true)
        case .json: appendJSON(entry, now: now, wallMilliseconds)
        }
        count += 1
        if lines.count >= Self.handOver { flush() }
    }

    private func appendCommon(_ entry: AccessLogEntry, _ wallMilliseconds: Int64, isCombined: Bool) {
        appendClient(of: entry)
        lines.append(" - - [")
        appendCommonTime(wallMilliseconds / 1000)
        lines.append("] \"")
        if entry.message.head.length > 0 {
            appendEscaped(entry.message.bytes.extracting(entry.message.head.methodRange))
            lines.append(" ")
            appendEscaped(entry.message.bytes.extracting(entry.message.head.target))
            lines.append(" ")
            lines.append(entry.message.protocolName)
        } else {
            appendEscaped(entry.message.unreadable)
        }
        lines.append("\" ")
        lines.append(decimal: entry.status)
        lines.append(" ")
        lines.append(decimal: entry.bytes)
        if isCombined {
            appendQuoted(entry, .referer)
            appendQuoted(entry, .userAgent)
            lines.append(" \"")
            lines.append(entry.verdict.text)
            if let fault = entry.fault {
                lines.append(" ")
                lines.append(fault.code)
            }
            lines.append("\"")
        }
        lines.append("\n")
    }

    private func appendQuoted(_ entry: AccessLogEntry, _ name: FieldName) {
        lines.append(" \"")
        if let value = entry.message.head.first(name) {
            appendEscaped(entry.message.bytes.extracting(value))
        } else {
            lines.append("-")
        }
        lines.append("\"")
    }

    private func appendJSON(_ entry: AccessLogEntry, now: MonotonicTime, _ wallMilliseconds: Int64) {
        lines.append("{\"time\":\"")
        appendISOTime(wallMilliseconds)
        lines.append("\",\"client\":\"")
        appendClient(of: entry)
        if let identifier = entry.identifier {
            lines.append("\",\"request_id\":\"")
            append(identifier, of: entry.message)
        }
        lines.append("\",\"method\":\"")
        appendEscaped(entry.message.bytes.extracting(entry.message.head.methodRange))
        lines.append("\",\"host\":\"")
        appendEscaped(entry.message.bytes.extracting(entry.message.head.authority))
        lines.append("\",\"target\":\"")
        appendEscaped(entry.message.bytes.extracting(entry.message.head.target))
        lines.append("\",\"status\":")
        lines.append(decimal: entry.status)
        lines.append(",\"bytes\":")
        lines.append(decimal: entry.bytes)
        lines.append(",\"cache\":\"")
        lines.append(entry.verdict.text)
        lines.append("\",\"outcome\":\"")
        lines.append(entry.outcome.slug)
        lines.append("\"")
        if let reason = entry.reason {
            lines.append(",\"reason\":\"")
            lines.append(reason.slug)
            lines.append("\"")
        }
        if let fault = entry.fault {
            lines.append(",\"fault\":\"")
            lines.append(fault.code)
            lines.append("\"")
        }
        if !entry.message.unreadable.isEmpty {
            lines.append(",\"received\":\"")
            appendEscaped(entry.message.unreadable)
            lines.append("\"")
        }
        lines.append(",\"ms\":")
        lines.append(decimal: Int(now.milliseconds(since: entry.message.began)))
        lines.append("}\n")
    }

    private func appendClient(of entry: AccessLogEntry) {
        guard entry.client.family != .unix else { return lines.append("unix:") }
        lines.append(entry.client.hostText.span)
    }

    private func append(_ identifier: RequestIdentifier, of message: RequestMessage) {
        switch identifier {
        case .given(let range): appendEscaped(message.bytes.extracting(range))
        case .made(let name): lines.append(HexText(name).span)
        }
    }

    private func appendEscaped(_ text: Span<UInt8>) { EscapedText.append(text, to: &lines) }

    private func appendCommonTime(_ seconds: Int64) {
        // `Sun, 06 Nov 1994 08:49:37 GMT` has every part that is needed.
        date.removeAll()
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
