// The header of the PROXY protocol (versions 1 and 2, as HAProxy specifies it), with which a load balancer that passes bytes on
// begins each connection: whom it has accepted the connection from. It is read from bytes that may hold more behind it, and
// never a byte past its end.

import Bytes
import EventLoop

/// A header that was read.
struct ProxyHeader: Equatable {
    enum Client: Equatable {
        /// The connection is the load balancer's own, as for a health check, or it doesn't say whose.
        case unnamed
        case named(PeerAddress)
    }

    enum Reading: Equatable {
        /// What is there may be the beginning of a header.
        case incomplete
        case invalid
        case complete(ProxyHeader)
    }

    let client: Client
    /// Bytes of the header.
    let length: Int

    /// A header of version 2 has fields of unknown kinds behind its addresses; all in all it isn't longer than this.
    static let limit = 4096
    /// The longest line of version 1, its end included.
    static let lineLimit = 107

    private static let signature: StaticString = "\r\n\r\n\0\r\nQUIT\n"
    private static let lineStart: StaticString = "PROXY "

    static func read(_ bytes: Span<UInt8>) -> Reading {
        guard !bytes.isEmpty else { return .incomplete }
        return bytes[0] == lineStart[octet: 0] ? readLine(bytes) : readBinary(bytes)
    }

    /// Whether `bytes` begin with the text, or are the beginning of it.
    private static func agrees(_ bytes: Span<UInt8>, with text: StaticString) -> Bool {
        for index in 0..<min(bytes.count, text.utf8CodeUnitCount) where bytes[index] != text[octet: index] {
            return false
        }
        return true
    }

    // MARK: Version 1

    /// `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443` and CRLF.
    private static func readLine(_ bytes: Span<UInt8>) -> Reading {
        guard agrees(bytes, with: lineStart) else { return .invalid }
        var end = 0
        while end < min(bytes.count, lineLimit), bytes[end] != UInt8(ascii: "\n") { end += 1 }
        guard end < lineLimit else { return .invalid }
        guard end < bytes.count else { return .incomplete }
        guard end > lineStart.utf8CodeUnitCount, bytes[end - 1] == UInt8(ascii: "\r") else { return .invalid }
        let line = bytes.extracting(lineStart.utf8CodeUnitCount..<(end - 1))
        guard let client = client(in: line) else { return .invalid }
        return .complete(ProxyHeader(client: client, length: end + 1))
    }

    /// Both addresses and both ports have to be right, though one of each is used.
    private static func client(in line: Span<UInt8>) -> Client? {
        var rest = Words(count: line.count)
        let family = line.extracting(rest.next(in: line))
        // What follows is to be ignored.
        if family.equals("UNKNOWN") { return .unnamed }
        let isV6 = family.equals("TCP6")
        guard isV6 || family.equals("TCP4") else { return nil }
        let (source, destination) = (rest.next(in: line), rest.next(in: line))
        guard let port = port(line.extracting(rest.next(in: line))),
            self.port(line.extracting(rest.next(in: line))) != nil,
            rest.isAtEnd
        else { return nil }
        if isV6 {
            guard let bits = AddressText.v6(line.extracting(source)),
                AddressText.v6(line.extracting(destination)) != nil
            else { return nil }
            return .named(peer(bits, port))
        }
        guard let bits = AddressText.v4(line.extracting(source)), AddressText.v4(line.extracting(destination)) != nil
        else { return nil }
        return .named(PeerAddress(ipv4: bits, port: port))
    }

    private static func port(_ text: Span<UInt8>) -> UInt16? {
        guard (1...5).contains(text.count), text.count == 1 || text[0] != UInt8(ascii: "0") else { return nil }
        return Decimal.value(text).flatMap { UInt16(exactly: $0) }
    }

    /// An IPv4 address that is mapped to IPv6 counts as the IPv4 address that it is.
    private static func peer(_ bits: UInt128, _ port: UInt16) -> PeerAddress {
        bits >> 32 == 0xffff
            ? PeerAddress(ipv4: UInt32(truncatingIfNeeded: bits), port: port) : PeerAddress(ipv6: bits, port: port)
    }

    /// Words with one space between them.
    private struct Words {
        let count: Int
        var position = 0
        var isAtEnd = false

        init(count: Int) { self.count = count }

        /// The next word; empty past the end.
        mutating func next(in line: Span<UInt8>) -> Range<Int> {
            let start = position
            while position < count, line[position] != .space { position += 1 }
            let word = start..<position
            if position < count { position += 1 } else { isAtEnd = true }
            return word
        }
    }

    // MARK: Version 2

    private static func readBinary(_ bytes: Span<UInt8>) -> Reading {
        let start = signature.utf8CodeUnitCount
        guard agrees(bytes, with: signature) else { return .invalid }
        guard bytes.count >= start + 4 else { return .incomplete }
        let (command, kind) = (bytes[start], bytes[start + 1])
        let length = start + 4 + (Int(bytes[start + 2]) << 8 | Int(bytes[start + 3]))
        guard command == 0x20 || command == 0x21, length <= limit else { return .invalid }
        guard bytes.count >= length else { return .incomplete }
        let isLocal = command == 0x20
        guard let client = isLocal ? .unnamed : client(in: bytes.extracting((start + 4)..<length), kind: kind) else {
            return .invalid
        }
        return .complete(ProxyHeader(client: client, length: length))
    }

    /// - Parameter kind: the family in the high half, the transport in the low one.
    private static func client(in block: Span<UInt8>, kind: UInt8) -> Client? {
        guard kind >> 4 <= 3, kind & 15 <= 2 else { return nil }
        switch kind {
        case 0x11:
            guard block.count >= 12 else { return nil }
            let bits = UInt32(truncatingIfNeeded: number(block, 0..<4))
            return .named(PeerAddress(ipv4: bits, port: UInt16(truncatingIfNeeded: number(block, 8..<10))))
        case 0x21:
            guard block.count >= 36 else { return nil }
            return .named(peer(number(block, 0..<16), UInt16(truncatingIfNeeded: number(block, 32..<34))))
        case 0x31: return block.count >= 216 ? .named(.unix) : nil
        // Datagrams don't come as a stream, and what isn't specified says nothing.
        default: return .unnamed
        }
    }

    private static func number(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt128 {
        var number: UInt128 = 0
        for index in range { number = number << 8 | UInt128(bytes[index]) }
        return number
    }
}

extension Span where Element == UInt8 {
    fileprivate func equals(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        for index in indices where self[index] != text[octet: index] { return false }
        return true
    }
}
