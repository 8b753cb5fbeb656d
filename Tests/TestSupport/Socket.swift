import Foundation

// A blocking stream socket with time-outs. Every wait has a bound, so that a hung peer fails a test and never the run.

package enum SocketError: Error, Equatable {
    case timedOut
    case reset
    case refused
    case closed
    case system(Int32)

    static func last() -> SocketError {
        switch errno {
        case EAGAIN, EINPROGRESS: .timedOut
        case ECONNRESET, EPIPE: .reset
        case ECONNREFUSED, ENOENT: .refused
        default: .system(errno)
        }
    }
}

/// Where something listens.
package enum Endpoint: Sendable, CustomStringConvertible {
    case port(UInt16)
    /// Another address of the loopback network: 127.0.0.`host`.
    case loopback(host: UInt8, port: UInt16)
    case unix(String)

    /// As a server is written in the `upstreams` of a configuration.
    package var description: String {
        switch self {
        case .port(let port): "http://127.0.0.1:\(port)"
        case .loopback(let host, let port): "http://127.0.0.\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}

package final class Socket: Sendable {
    package let descriptor: Int32
    private let isClosed = Locked(false)

    package init(adopting descriptor: Int32, timeout: Double = 20) {
        self.descriptor = descriptor
        set(timeout: timeout)
    }

    /// Connects, within the time-out.
    package convenience init(connectingTo endpoint: Endpoint, timeout: Double = 20, receiveBuffer: Int32? = nil) throws
    {
        try self.init(family: endpoint, timeout: timeout)
        if var receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, socklen_t(MemoryLayout<Int32>.size))
        }
        let code = Self.withAddress(of: endpoint) { connect(descriptor, $0, $1) }
        guard code == 0 else {
            let error = SocketError.last()
            close()
            throw error
        }
    }

    /// Binds and listens; port 0 takes a free one.
    package convenience init(listeningOn endpoint: Endpoint, backlog: Int32 = 512) throws {
        try self.init(family: endpoint, timeout: 0)
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        let code = Self.withAddress(of: endpoint) { bind(descriptor, $0, $1) }
        guard code == 0, listen(descriptor, backlog) == 0 else {
            let error = SocketError.last()
            close()
            throw error
        }
    }

    private convenience init(family endpoint: Endpoint, timeout: Double) throws {
        let family = if case .unix = endpoint { AF_UNIX } else { AF_INET }
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw SocketError.last() }
        self.init(adopting: descriptor, timeout: timeout)
        if family == AF_INET {
            var on: Int32 = 1
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        }
    }

    deinit { close() }

    private static func withAddress<R>(of endpoint: Endpoint, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        func withLoopback(_ host: UInt8, _ port: UInt16) -> R {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = (UInt32(0x7f00_0000) + UInt32(host)).bigEndian
            return withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
        switch endpoint {
        case .port(let port): return withLoopback(1, port)
        case .loopback(let host, let port): return withLoopback(host, port)
        case .unix(let path):
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            precondition(path.utf8.count < 108, "a unix socket's path has at most 107 bytes: \(path)")
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            return withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
        }
    }

    /// The port that this socket is bound to.
    package var localPort: UInt16 {
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
        }
        return UInt16(bigEndian: address.sin_port)
    }

    /// The bound of every single send and receive, in seconds; 0 waits for ever.
    package func set(timeout: Double) {
        var time = timeval(tv_sec: Int(timeout), tv_usec: Int((timeout - timeout.rounded(.down)) * 1e6))
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    }

    package func accept() throws -> Socket {
        while true {
            let accepted = Glibc.accept(descriptor, nil, nil)
            if accepted >= 0 {
                _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
                return Socket(adopting: accepted)
            }
            if errno != EINTR && errno != ECONNABORTED { throw SocketError.last() }
        }
    }

    /// Sends all bytes.
    package func send(_ bytes: some Collection<UInt8>) throws {
        var bytes = Array(bytes)[...]
        while !bytes.isEmpty {
            let sent = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if sent < 0 && errno == EINTR { continue }
            guard sent > 0 else { throw SocketError.last() }
            bytes = bytes.dropFirst(sent)
        }
    }

    package func send(_ text: String) throws { try send(Array(text.utf8)) }

    /// The next bytes, at most `count`; empty at the end of the stream.
    package func receive(_ count: Int = 65_536) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while true {
                let received = recv(descriptor, buffer.baseAddress, count, 0)
                if received < 0 && errno == EINTR { continue }
                guard received >= 0 else { throw SocketError.last() }
                filled = received
                return
            }
        }
    }

    /// Whether bytes or the end of the stream are there to be read within the time.
    package func isReadable(within seconds: Double) -> Bool {
        var item = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&item, 1, Int32(seconds * 1000)) > 0
    }

    /// No more will be sent: the peer reads the end of the stream, and may still answer.
    package func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Wakes whoever waits on this socket, in whatever thread.
    package func interrupt() {
        isClosed.withLock { closed in
            if !closed { shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
    }

    package func close() {
        isClosed.withLock { closed in
            guard !closed else { return }
            closed = true
            Glibc.close(descriptor)
        }
    }

    /// Closes with RST instead of FIN.
    package func reset() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
        close()
    }
}

/// Ports that nobody listens on, below the range that outgoing connections draw from.
package enum FreePort {
    private static let next = Locked(UInt16.random(in: 11_000..<31_000))

    /// - Parameter offset: the port so many further on is free, too.
    package static func take(withFree offset: UInt16 = 0) -> UInt16 {
        while true {
            let port = next.withLock { next in
                next = next >= 31_999 ? 11_000 : next + 1
                return next
            }
            if isFree(port), offset == 0 || isFree(port + offset) { return port }
        }
    }

    private static func isFree(_ port: UInt16) -> Bool {
        guard let probe = try? Socket(listeningOn: .port(port)) else { return false }
        probe.close()
        return true
    }
}
