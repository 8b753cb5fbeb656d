// Listening sockets: created here with SO_REUSEPORT, one per worker, or inherited (socket activation) and shared by all
// workers.

import CLibevent
import Glibc

/// Why a listening or connecting socket couldn't be created.
package struct SocketError: Error, CustomStringConvertible {
    package let operation: StaticString
    package let code: Int32
    package let address: String

    package init(operation: StaticString, code: Int32, address: String) {
        self.operation = operation
        self.code = code
        self.address = address
    }

    package var description: String { "\(operation) \(address): \(errorText(code))" }
}

/// The system's message for an `errno` value.
package func errorText(_ code: Int32) -> String {
    guard let text = unsafe strerror(code) else { return "error \(code)" }
    return unsafe String(cString: text)
}

/// Accepts connections on one loop. The owner receives each one as a non-blocking descriptor.
package final class Listener: Socket {
    package let address: SocketAddress
    private let accepted: (Int32, PeerAddress) -> Void
    private let refused: (Int32) -> Void

    /// How many connections are accepted per turn, so that other sockets aren't starved.
    private static let acceptsPerTurn = 64

    /// - Parameters:
    ///   - descriptor: a listening, non-blocking socket; this listener takes ownership.
    ///   - accepted: called on the loop's thread with each connection, which it then owns.
    ///   - refused: called with `errno` when a connection couldn't be accepted (for instance EMFILE); accepting pauses 100 ms.
    package init(
        loop: EventLoop, descriptor: Int32, address: SocketAddress, accepted: @escaping (Int32, PeerAddress) -> Void,
        refused: @escaping (Int32) -> Void
    ) {
        self.address = address
        self.accepted = accepted
        self.refused = refused
        super.init(loop: loop, descriptor: descriptor)
        wait(for: .read)
    }

    package override func readable() {
        for _ in 0..<Self.acceptsPerTurn {
            guard isOpen, interest == .read else { return }
            var storage = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let connection = unsafe larder_accept(descriptor, &storage, &length)
            if connection >= 0 {
                if Int32(storage.ss_family) != AF_UNIX { disableNagle(connection) }
                accepted(connection, PeerAddress(storage: &storage))
                continue
            }
            switch errno {
            case EAGAIN: return
            case EINTR, ECONNABORTED, EPROTO: continue
            default:
                refused(errno)
                wait(for: .none)
                setDeadline(afterMilliseconds: 100)
                return
            }
        }
    }

    /// Accepts nothing for 50 ms.
    package func pause() {
        wait(for: .none)
        setDeadline(afterMilliseconds: 50)
    }

    package override func deadlinePassed() { wait(for: .read) }
}

/// Creates a bound, listening, non-blocking socket.
/// - Parameter reusePort: several sockets may share the address; the kernel distributes connections among them.
package func listeningSocket(
    on address: SocketAddress, reusePort: Bool, backlog: Int32 = 4096
) throws(SocketError) -> Int32 {
    let domain =
        switch address.family {
        case .ipv4: AF_INET
        case .ipv6: AF_INET6
        case .unix: AF_UNIX
        }
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = socket(domain, kind, 0)
    guard descriptor >= 0 else { throw SocketError(operation: "socket", code: errno, address: address.description) }
    setOption(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
    if reusePort && address.family != .unix { setOption(descriptor, SOL_SOCKET, SO_REUSEPORT, 1) }
    if address.family == .ipv6 { setOption(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1) }
    if address.family == .unix { removeStaleSocket(at: address) }
    guard unsafe address.withSockaddr({ unsafe bind(descriptor, $0, $1) }) == 0 else {
        let code = errno
        _ = Glibc.close(descriptor)
        throw SocketError(operation: "bind", code: code, address: address.description)
    }
    guard listen(descriptor, backlog) == 0 else {
        let code = errno
        _ = Glibc.close(descriptor)
        throw SocketError(operation: "listen", code: code, address: address.description)
    }
    return descriptor
}

/// The address that a socket is bound to; nil if it isn't a socket of one of the three families.
package func boundAddress(of descriptor: Int32) -> SocketAddress? {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let result = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe getsockname(descriptor, $0, &length) }
    }
    guard result == 0 else { return nil }
    return SocketAddress(storage: &storage)
}

/// Removes a socket file that a dead process left behind. A socket that still accepts connections, or a path that isn't
/// a socket, is left alone.
private func removeStaleSocket(at address: SocketAddress) {
    let path = String(decoding: address.bytes, as: UTF8.self)
    var status = stat()
    guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return }
    let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard probe >= 0 else { return }
    defer { _ = Glibc.close(probe) }
    let result = unsafe address.withSockaddr { unsafe connect(probe, $0, $1) }
    if result != 0 && errno == ECONNREFUSED { unsafe unlink(path) }
}

func setOption(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Int32) {
    var value = value
    unsafe setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
}

func disableNagle(_ descriptor: Int32) { setOption(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1) }
