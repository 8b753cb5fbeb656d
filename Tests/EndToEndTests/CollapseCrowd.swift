import Foundation
import TestSupport

// Very many clients that want the same thing at once, in two threads: each compares every byte it gets with what the
// origin sends and drops it, so that the crowd itself holds next to nothing. Some read slowly.

final class CollapseCrowd: @unchecked Sendable {
    /// What the crowd got. Seconds count from the first request.
    struct Report: Sendable {
        var complete = 0
        /// What went wrong, a sentence a client.
        var faults: [String] = []
        var quickest = Double.infinity
        var slowestOfQuick = 0.0
        var slowestOfAll = 0.0
    }

    /// A slow client takes this much every `interval`.
    struct Pace: Sendable {
        var bytes: Int
        var interval: Double
    }

    private let members: [Member]
    private let report = Locked(Report())
    private let running = Counter()
    private let began: Double

    /// Connects everybody and sends the requests of all but the `late` ones.
    ///
    /// - Parameters:
    ///   - slow: how many read at `pace`.
    ///   - late: how many ask only when `join()` is called.
    init(
        _ larder: LarderProcess, _ target: String, expecting expected: [UInt8], count: Int, slow: Int, pace: Pace,
        late: Int
    ) throws {
        let request = RawClient.request("GET", target)
        members = try (0..<count).map { number in
            let isSlow = number < slow
            let socket = try Socket(
                connectingTo: larder.endpoint, timeout: 10, receiveBuffer: isSlow ? Int32(pace.bytes) : nil)
            return Member(number, socket, expected, isSlow ? pace : nil)
        }
        began = Clock.now
        for member in members.dropLast(late) { try member.socket.send(request) }
        latecomers = members.suffix(late).map(\.socket)
        self.request = request
        let halves = [0, 1].map { half in members.filter { $0.number % 2 == half } }
        for half in halves {
            running.add(1)
            Thread.detachNewThread { [self] in
                serve(half)
                running.add(-1)
            }
        }
    }

    private let latecomers: [Socket]
    private let request: [UInt8]

    /// The late ones ask.
    func join() throws { for socket in latecomers { try socket.send(request) } }

    /// Waits until everybody has had an answer, or the time is up.
    func finish(within seconds: Double) -> Report {
        eventually(within: seconds, every: 0.02) { running.value == 0 }
        isOver.turnOn()
        eventually(within: 5) { running.value == 0 }
        return report.withLock { $0 }
    }

    private let isOver = Switch()

    /// Reads for some of the members until each is done.
    private func serve(_ members: [Member]) {
        var waiting = members
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
        defer { buffer.deallocate() }
        while !waiting.isEmpty && !isOver.isOn {
            let now = Clock.now
            let due = waiting.filter { $0.nextReading <= now }
            var items = due.map { pollfd(fd: $0.socket.descriptor, events: Int16(POLLIN), revents: 0) }
            guard poll(&items, nfds_t(items.count), 5) > 0 else { continue }
            var isAnyDone = false
            for (item, member) in zip(items, due) where item.revents != 0 {
                guard let fault = member.read(into: buffer, now: now) else { continue }
                isAnyDone = true
                tell(member, fault)
            }
            if isAnyDone { waiting.removeAll { $0.isDone } }
        }
        for member in waiting { tell(member, "had not all after \(Clock.now - began) s, \(member.offset) bytes only") }
    }

    private func tell(_ member: Member, _ fault: String) {
        let seconds = Clock.now - began
        member.socket.close()
        report.withLock { report in
            guard fault.isEmpty else { return report.faults.append("client \(member.number) \(fault)") }
            report.complete += 1
            report.quickest = min(report.quickest, seconds)
            report.slowestOfAll = max(report.slowestOfAll, seconds)
            if member.pace == nil { report.slowestOfQuick = max(report.slowestOfQuick, seconds) }
        }
    }
}

/// One client of the crowd.
///
/// `@unchecked Sendable`: after the crowd's `init` the one thread that serves it is the only one that changes it.
private final class Member: @unchecked Sendable {
    private enum Part {
        case head
        /// Bytes that are left of a body with a length.
        case body(Int)
        case chunkSize
        case chunk(Int)
        case chunkEnd
        case trailers
    }

    let number: Int
    let socket: Socket
    let pace: CollapseCrowd.Pace?
    private(set) var nextReading = 0.0
    /// How much of the body came.
    private(set) var offset = 0
    private(set) var isDone = false
    private let expected: [UInt8]
    private var part = Part.head
    /// The head or the line that is being read.
    private var line: [UInt8] = []

    init(_ number: Int, _ socket: Socket, _ expected: [UInt8], _ pace: CollapseCrowd.Pace?) {
        self.number = number
        self.socket = socket
        self.expected = expected
        self.pace = pace
    }

    /// Takes what is there. Nil while more is to come, empty when all is well, else what is wrong.
    func read(into buffer: UnsafeMutableRawBufferPointer, now: Double) -> String? {
        if let pace { nextReading = now + pace.interval }
        let count = recv(socket.descriptor, buffer.baseAddress, pace?.bytes ?? buffer.count, Int32(MSG_DONTWAIT))
        if count < 0 && (errno == EAGAIN || errno == EINTR) { return nil }
        guard count > 0 else { return end("was cut off after \(offset) bytes") }
        return take(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }

    private func end(_ fault: String) -> String {
        isDone = true
        return fault
    }

    private func take(_ bytes: UnsafeRawBufferPointer) -> String? {
        var bytes = bytes[...]
        while !bytes.isEmpty {
            switch part {
            case .head:
                guard takeLine(&bytes, ending: [13, 10, 13, 10]) else { continue }
                let head = Head(line.dropLast(4))
                line = []
                guard Response.status(of: head) == 200 else { return end("was answered \(head.startLine)") }
                part = head.isChunked ? .chunkSize : .body(head.contentLength ?? -1)
                if let length = head.contentLength, length != expected.count { return end("was told \(length) bytes") }
            case .body(let left):
                guard let taken = compare(&bytes, most: left) else { return end("got other bytes at \(offset)") }
                part = .body(left - taken)
                if left == taken { return finish(bytes) }
            case .chunkSize:
                guard takeLine(&bytes, ending: [13, 10]) else { continue }
                guard let size = Int(line.dropLast(2).map { $0 }.text, radix: 16) else { return end("got a bad chunk") }
                line = []
                part = size == 0 ? .trailers : .chunk(size)
            case .chunk(let left):
                guard let taken = compare(&bytes, most: left) else { return end("got other bytes at \(offset)") }
                part = left == taken ? .chunkEnd : .chunk(left - taken)
            case .chunkEnd:
                guard takeLine(&bytes, ending: [13, 10]) else { continue }
                guard line.count == 2 else { return end("got a chunk longer than it said") }
                line = []
                part = .chunkSize
            case .trailers:
                guard takeLine(&bytes, ending: [13, 10]) else { continue }
                if line.count == 2 { return finish(bytes) }
                line = []
            }
        }
        return nil
    }

    private func finish(_ rest: Slice<UnsafeRawBufferPointer>) -> String {
        guard offset == expected.count else { return end("got \(offset) bytes as the whole") }
        return end(rest.isEmpty ? "" : "got \(rest.count) bytes too many")
    }

    /// Bytes into `line` until it has this ending.
    private func takeLine(_ bytes: inout Slice<UnsafeRawBufferPointer>, ending: [UInt8]) -> Bool {
        while let byte = bytes.popFirst() {
            line.append(byte)
            if byte == 10, line.suffix(ending.count).elementsEqual(ending) { return true }
        }
        return false
    }

    /// How many of the body's next bytes were here, or nil if they are not what the origin sent.
    private func compare(_ bytes: inout Slice<UnsafeRawBufferPointer>, most: Int) -> Int? {
        let count = min(most, bytes.count)
        guard count >= 0, offset + count <= expected.count else { return nil }
        let here = UnsafeRawBufferPointer(rebasing: bytes.prefix(count))
        let isSame = expected.withUnsafeBytes { memcmp(here.baseAddress!, $0.baseAddress! + offset, count) == 0 }
        guard isSame else { return nil }
        bytes = bytes.dropFirst(count)
        offset += count
        return count
    }
}
