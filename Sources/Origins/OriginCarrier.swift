// What carries an exchange's bytes to a server and back: a connection of its own, or a stream of one that others use too. Both take
// and bring the bytes of HTTP/1.

import Bytes
import EventLoop

/// Only one exchange at a time uses it.
enum OriginCarrier {
    case connection(OriginConnection)
    case stream(OriginStream)

    /// Whether it can be used at all.
    var isOpen: Bool {
        switch self {
        case .connection(let connection): connection.isOpen
        case .stream(let stream): stream.isOpen
        }
    }

    /// Whether something of the request that it has taken waits for the server's window.
    var isHoldingBack: Bool { if case .stream(let stream) = self { stream.isHoldingBack } else { false } }

    var isStream: Bool { if case .stream = self { true } else { false } }

    /// Whether it has carried a response before: only then may a failure just mean that it was stale.
    var isReused: Bool {
        switch self {
        case .connection(let connection): connection.isReused
        case .stream(let stream): stream.isReused
        }
    }

    /// Sends up to three pieces in order. The caller keeps what wasn't taken.
    func send(_ first: Span<UInt8>, _ second: Span<UInt8> = Span(), _ third: Span<UInt8> = Span()) -> SendResult {
        switch self {
        case .connection(let connection): connection.send(first, second, third)
        case .stream(let stream): stream.send(first, second, third)
        }
    }

    /// Puts what has come into the loop's input buffer, after `offset` bytes that are already there.
    func receive(after offset: Int, atMost limit: Int) -> ReceiveResult {
        switch self {
        case .connection(let connection): connection.receive(after: offset, atMost: limit)
        case .stream(let stream): stream.receive(after: offset, atMost: limit)
        }
    }

    func wait(for interest: Socket.Interest) {
        switch self {
        case .connection(let connection): connection.wait(for: interest)
        case .stream(let stream): stream.wait(for: interest)
        }
    }

    func setDeadline(afterMilliseconds interval: Int64) {
        switch self {
        case .connection(let connection): connection.setDeadline(afterMilliseconds: interval)
        case .stream(let stream): stream.setDeadline(afterMilliseconds: interval)
        }
    }

    func clearDeadline() {
        switch self {
        case .connection(let connection): connection.clearDeadline()
        case .stream(let stream): stream.clearDeadline()
        }
    }

    /// No more is sent; receiving goes on.
    func shutDownSending() {
        switch self {
        case .connection(let connection): connection.shutDownSending()
        // Only a tunnel has such an end, and none goes over a stream.
        case .stream: break
        }
    }
}
