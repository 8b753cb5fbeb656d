// What a socket hasn't taken of a connection's frames. Nothing is gathered behind it: so there is one write's worth at most.

import Bytes
import EventLoop

package struct UnsentFrames: ~Copyable {
    private var bytes = ByteBuffer()
    private var start = 0

    package init() {}

    package var isEmpty: Bool { start == bytes.count }
    /// Bytes that are still to be sent.
    package var count: Int { bytes.count - start }
    /// Bytes of memory that it takes.
    package var heldCount: Int { bytes.count }

    /// - Parameter first: where those begin that the socket hasn't taken.
    package mutating func append(_ frames: Span<UInt8>, from first: Int) { bytes.append(frames, from: first) }

    /// Offers them to the socket. The memory is released once all are taken.
    /// - Returns: how many bytes it has taken; nil if the connection is of no further use.
    package mutating func send(over socket: Socket) -> Int? {
        guard case .wrote(let taken) = socket.send(bytes.span.extracting(start...)) else { return nil }
        start += taken
        if isEmpty { removeAll() }
        return taken
    }

    package mutating func removeAll() {
        bytes.removeAll(keepingUpTo: 0)
        start = 0
    }
}
