// TLS to the servers of a store. What its files say may change while the process runs: connections that are made from then on
// use what is new, and the others go on.

import Bytes
import CacheStorage
import EventLoop
import TLS

/// Shared by all threads.
package final class RedisTLS: Sendable, Equatable {
    private let context: Locked<ClientContext>

    package init(_ context: ClientContext) { self.context = Locked(context) }

    package func use(_ context: ClientContext) { self.context.withLock { $0 = context } }

    package static func == (left: RedisTLS, right: RedisTLS) -> Bool { left === right }

    /// - Parameter host: as in the URL, or as sentinels or nodes name it.
    /// - Returns: nil for want of memory.
    func makeChannel(to host: String, port: UInt16, on loop: EventLoop) -> TLSChannel? {
        var hasher = Hasher()
        hasher.combine(host)
        hasher.combine(port)
        // A server that is offered another one's session makes a new one.
        let number = hasher.finalize() & (Int.max >> 1)
        return context.withLock { $0 }.makeChannel(to: host, number: number, RecordBytes.of(loop))
    }
}

extension StoreTrouble {
    /// Why TLS has not come about.
    init(_ fault: HandshakeFault) {
        self =
            switch fault.kind {
            case .untrusted(.expired): .certificateExpired
            case .untrusted(.misnamed): .certificateMisnamed
            case .untrusted(.unvouched): .certificateUntrusted
            case .refused: .certificateRefused
            case .foreign, .plainHTTP: .notTLS
            case .unused, .left, .broken: .handshakeFailed
            }
    }
}
