// Addresses of sockets: IPv4, IPv6 and unix paths, as fixed-size values. Names are not resolved here.

import Bytes
import Glibc

/// An address that a socket can be bound or connected to. A unix path has at most 107 bytes.
package struct SocketAddress: Equatable, Sendable, CustomStringConvertible {
    package enum Family: UInt8, Sendable { case ipv4, ipv6, unix }

    package let family: Family
    /// Network-order address for IPv4 (4 bytes) and IPv6 (16), the path's bytes for unix.
    package let bytes: [UInt8]
    package let port: UInt16
    package let scope: UInt32

    private init(family: Family, bytes: [UInt8], port: UInt16, scope: UInt32 = 0) {
        self.family = family
        self.bytes = bytes
        self.port = port
        self.scope = scope
    }

    /// Nil if the path is empty or too long for `sun_path`.
    package init?(unixPath: String) {
        let path = Array(unixPath.utf8)
        guard !path.isEmpty, path.count < 108, !path.contains(0) else { return nil }
        self.init(family: .unix, bytes: path, port: 0)
    }

    /// A numeric address; nil for a name.
    package init?(numericHost host: String, port: UInt16) {
        var four = in_addr()
        if unsafe inet_pton(AF_INET, host, &four) == 1 {
            self.init(family: .ipv4, bytes: unsafe withUnsafeBytes(of: &four) { unsafe Array($0) }, port: port)
            return
        }
        var six = in6_addr()
        guard unsafe inet_pton(AF_INET6, host, &six) == 1 else { return nil }
        self.init(family: .ipv6, bytes: unsafe withUnsafeBytes(of: &six) { unsafe Array($0) }, port: port)
    }

    /// From an address that the system filled in; nil for any other family.
    init?(storage: inout sockaddr_storage) {
        switch Int32(storage.ss_family) {
        case AF_INET:
            let (raw, port) = unsafe withUnsafeBytes(of: &storage) { bytes in
                let address = unsafe bytes.load(as: sockaddr_in.self)
                return (
                    unsafe withUnsafeBytes(of: address.sin_addr) { unsafe Array($0) },
                    UInt16(bigEndian: address.sin_port)
                )
            }
            self.init(family: .ipv4, bytes: raw, port: port)
        case AF_INET6:
            let (raw, port, scope) = unsafe withUnsafeBytes(of: &storage) { bytes in
                let address = unsafe bytes.load(as: sockaddr_in6.self)
                return (
                    unsafe withUnsafeBytes(of: address.sin6_addr) { unsafe Array($0) },
                    UInt16(bigEndian: address.sin6_port), address.sin6_scope_id
                )
            }
            self.init(family: .ipv6, bytes: raw, port: port, scope: scope)
        case AF_UNIX:
            let path = unsafe withUnsafeBytes(of: &storage) {
                unsafe Array($0.dropFirst(2).prefix(108).prefix { $0 != 0 })
            }
            self.init(family: .unix, bytes: path, port: 0)
        default: return nil
        }
    }

    /// Calls `body` with the address as C expects it.
    func withSockaddr<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        var storage = sockaddr_storage()
        let length: Int
        switch family {
        case .ipv4:
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            unsafe withUnsafeMutableBytes(of: &address.sin_addr) { unsafe $0.copyBytes(from: bytes) }
            length = MemoryLayout<sockaddr_in>.size
            unsafe withUnsafeMutableBytes(of: &storage) { unsafe $0.storeBytes(of: address, as: sockaddr_in.self) }
        case .ipv6:
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            address.sin6_scope_id = scope
            unsafe withUnsafeMutableBytes(of: &address.sin6_addr) { unsafe $0.copyBytes(from: bytes) }
            length = MemoryLayout<sockaddr_in6>.size
            unsafe withUnsafeMutableBytes(of: &storage) { unsafe $0.storeBytes(of: address, as: sockaddr_in6.self) }
        case .unix:
            storage.ss_family = sa_family_t(AF_UNIX)
            unsafe withUnsafeMutableBytes(of: &storage) {
                unsafe UnsafeMutableRawBufferPointer(rebasing: $0[2...]).copyBytes(from: bytes)
            }
            length = 2 + bytes.count + 1
        }
        return unsafe withUnsafePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, socklen_t(length)) }
        }
    }

    /// The host part alone: `192.0.2.1`, `2001:db8::1`, or `unix` for a unix socket's peer.
    package var host: String {
        switch family {
        case .unix: return "unix"
        case .ipv4: return bytes.map(String.init).joined(separator: ".")
        case .ipv6:
            var text = [CChar](repeating: 0, count: 64)
            _ = unsafe bytes.withUnsafeBytes { unsafe inet_ntop(AF_INET6, $0.baseAddress, &text, 64) }
            return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }

    package var isLoopback: Bool {
        switch family {
        case .unix: true
        case .ipv4: bytes[0] == 127
        case .ipv6: bytes == [UInt8](repeating: 0, count: 15) + [1]
        }
    }

    package var description: String {
        switch family {
        case .unix: "unix:" + String(decoding: bytes, as: UTF8.self)
        case .ipv4: "\(host):\(port)"
        case .ipv6: "[\(host)]:\(port)"
        }
    }
}

/// The address of an accepted connection, without heap allocation: 4 or 16 bytes and a port.
package struct PeerAddress: Equatable, Sendable {
    package let family: SocketAddress.Family
    package let port: UInt16
    package let high: UInt64
    package let low: UInt64

    package static let unix = PeerAddress(family: .unix, port: 0, high: 0, low: 0)

    init(family: SocketAddress.Family, port: UInt16, high: UInt64, low: UInt64) {
        self.family = family
        self.port = port
        self.high = high
        self.low = low
    }

    package init(ipv4 bits: UInt32, port: UInt16) {
        self.init(family: .ipv4, port: port, high: 0, low: UInt64(bits))
    }

    package init(ipv6 bits: UInt128, port: UInt16) {
        self.init(
            family: .ipv6, port: port, high: UInt64(truncatingIfNeeded: bits >> 64),
            low: UInt64(truncatingIfNeeded: bits))
    }

    init(storage: inout sockaddr_storage) {
        switch Int32(storage.ss_family) {
        case AF_INET:
            self = unsafe withUnsafeBytes(of: &storage) { bytes in
                let address = unsafe bytes.load(as: sockaddr_in.self)
                return PeerAddress(
                    family: .ipv4, port: UInt16(bigEndian: address.sin_port), high: 0,
                    low: UInt64(UInt32(bigEndian: address.sin_addr.s_addr)))
            }
        case AF_INET6:
            self = unsafe withUnsafeBytes(of: &storage) { bytes in
                PeerAddress(
                    family: .ipv6, port: UInt16(bigEndian: unsafe bytes.load(fromByteOffset: 2, as: UInt16.self)),
                    high: UInt64(bigEndian: unsafe bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
                    low: UInt64(bigEndian: unsafe bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self)))
            }
        default: self = .unix
        }
    }

    /// The host part as text: `192.0.2.1`, `2001:db8::1`, or nothing for a unix socket's peer.
    package var hostText: AddressText {
        switch family {
        case .unix: AddressText()
        case .ipv4: AddressText(v4: UInt32(truncatingIfNeeded: low))
        case .ipv6: AddressText(v6: UInt128(high) << 64 | UInt128(low))
        }
    }

    /// As a ``SocketAddress``, which allocates: not for the hit path.
    package var address: SocketAddress {
        switch family {
        case .unix: return SocketAddress(unixPath: "unix")!
        case .ipv4:
            let bytes: [UInt64] = [24, 16, 8, 0].map { (shift: UInt64) -> UInt64 in (low >> shift) & 0xFF }
            return SocketAddress(numericHost: bytes.map(String.init).joined(separator: "."), port: port)!
        case .ipv6:
            let groups: [UInt64] = [high, low].flatMap { (half: UInt64) -> [UInt64] in
                [48, 32, 16, 0].map { (shift: UInt64) -> UInt64 in (half >> shift) & 0xFFFF }
            }
            return SocketAddress(
                numericHost: groups.map { String($0, radix: 16) }.joined(separator: ":"), port: port)!
        }
    }
}
