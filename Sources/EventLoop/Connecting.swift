// Starts connections without blocking.

import Glibc

/// The result of starting a connection.
package enum ConnectStart {
    /// Connected immediately (usual for unix sockets).
    case connected(Int32)
    /// In progress: once the socket is writable, `Socket.pendingError()` tells whether it succeeded.
    case underWay(Int32)
    /// Failed immediately; the value is `errno`.
    case failed(Int32)
}

/// Whether a connection failed for want of something of this machine's: descriptors, memory, ports. That says nothing about
/// the server.
package func isOwnShortage(_ code: Int32) -> Bool {
    switch code {
    case EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL: true
    default: false
    }
}

/// Starts a non-blocking connection. The caller owns the descriptor.
package func startConnection(to address: SocketAddress) -> ConnectStart {
    let domain =
        switch address.family {
        case .ipv4: AF_INET
        case .ipv6: AF_INET6
        case .unix: AF_UNIX
        }
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = socket(domain, kind, 0)
    guard descriptor >= 0 else { return .failed(errno) }
    if address.family != .unix { disableNagle(descriptor) }
    while true {
        if unsafe address.withSockaddr({ unsafe connect(descriptor, $0, $1) }) == 0 { return .connected(descriptor) }
        let code = errno
        switch code {
        case EINTR: continue
        case EINPROGRESS: return .underWay(descriptor)
        default:
            _ = Glibc.close(descriptor)
            return .failed(code)
        }
    }
}
