// What carries an exchange's bytes to a server and back: a connection of its own.

import Bytes
import EventLoop

/// Only one exchange at a time uses it.
enum OriginCarrier {
    case connection(OriginConnection)

    /// Whether it can be used at all.
    var isOpen: Bool {
        switch self {
        case .connection(let connection): connection.isOpen
        }
    }

    /// Whether it has carried a response before: only then may a failure just mean that it was stale.
    var isReused: Bool {
        switch self {
        case .connection(let connection): connection.isReused
        }
    }

    /// Sends up to three pieces in order. The caller keeps what wasn't taken.
    func send(_ first: Span<UInt8>, _ second: Span<UInt8> = Span(), _ third: Span<UInt8> = Span()) -> SendResult {
        switch self {
        case .connection(let connection): connection.send(first, second, third)
        }
    }

    /// Puts what has come into the loop's input buffer, after `offset` bytes that are already there.
    func receive(after offset: Int, atMost limit: Int) -> ReceiveResult {
        switch self {
        case .connection(let connection): connection.receive(after: offset, atMost: limit)
        }
    }

    func wait(for interest: Socket.Interest) {
        switch self {
        case .connection(let connection): connection.wait(for: interest)
        }
    }

    func setDeadline(afterMilliseconds interval: Int64) {
        switch self {
        case .connection(let connection): connection.setDeadline(afterMilliseconds: interval)
        }
    }

    func clearDeadline() {
        switch self {
        case .connection(let connection): connection.clearDeadline()
        }
    }

    /// No more is sent; receiving goes on.
    func shutDownSending() {
        switch self {
        case .connection(let connection): connection.shutDownSending()
        }
    }
}
