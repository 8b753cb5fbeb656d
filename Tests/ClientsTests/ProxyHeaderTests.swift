import Bytes
import TestRandomness
import Testing

@testable import Clients
@testable import EventLoop

/// Version 2: signature, version and command, kind, length, and what follows.
func binaryHeader(command: UInt8 = 0x21, kind: UInt8 = 0x11, _ block: [UInt8]) -> [UInt8] {
    let length = UInt16(block.count)
    return Array("\r\n\r\n\0\r\nQUIT\n".utf8) + [command, kind, UInt8(length >> 8), UInt8(length & 255)] + block
}

/// 192.0.2.1:56324 to 198.51.100.1:443.
let v4Block: [UInt8] = [192, 0, 2, 1, 198, 51, 100, 1, 0xdc, 0x04, 0x01, 0xbb]

@Suite("The header of the PROXY protocol")
struct ProxyHeaderTests {
    private let client = PeerAddress(ipv4: 0xc000_0201, port: 56324)

    private func read(_ bytes: [UInt8]) -> ProxyHeader.Reading { ProxyHeader.read(bytes.span) }
    private func read(_ text: String) -> ProxyHeader.Reading { read(Array(text.utf8)) }

    @Test("Version 1 names an IPv4 or an IPv6 client")
    func lines() {
        let line = "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n"
        let expected = ProxyHeader(client: .named(client), length: line.utf8.count)
        #expect(read(line) == .complete(expected))
        #expect(read(line + "GET / HTTP/1.1\r\n") == .complete(expected))
        let six = "PROXY TCP6 2001:db8::1 ::1 0 65535\r\n"
        let address = PeerAddress(ipv6: 0x2001_0db8_0000_0000_0000_0000_0000_0001, port: 0)
        #expect(read(six) == .complete(ProxyHeader(client: .named(address), length: six.utf8.count)))
        let mapped = "PROXY TCP6 ::ffff:192.0.2.1 ::ffff:1.2.3.4 56324 443\r\n"
        #expect(read(mapped) == .complete(ProxyHeader(client: .named(client), length: mapped.utf8.count)))
    }

    @Test(
        "Version 1 may leave the client unnamed, whatever follows",
        arguments: ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff::1 x 65535 a b c\r\n"])
    func unknown(_ line: String) {
        #expect(read(line) == .complete(ProxyHeader(client: .unnamed, length: line.utf8.count)))
    }

    @Test("The longest line of version 1 is read; a longer one is not waited for")
    func longest() {
        let long = "PROXY UNKNOWN " + String(repeating: "f", count: 91)
        #expect(read(long + "\r\n") == .complete(ProxyHeader(client: .unnamed, length: 107)))
        #expect(read(long + "f\r\n") == .invalid)
        #expect(read(long + "f") == .incomplete)
        #expect(read(long + "ff") == .invalid)
    }

    @Test(
        "What is no line of version 1 is refused",
        arguments: [
            "GET / HTTP/1.1\r\n", "PROXY\r\n", "PROXY \r\n", "PROXY TCP4\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 56324\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443 \r\n", "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443 1\r\n",
            "PROXY TCP4  192.0.2.1 198.51.100.1 56324 443\r\n", "PROXY TCP4 192.0.2.1 198.51.100.1 56324 65536\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 056324 443\r\n", "PROXY TCP4 192.0.2.1 198.51.100.1 -1 443\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100 56324 443\r\n", "PROXY TCP4 192.0.2.256 198.51.100.1 56324 443\r\n",
            "PROXY TCP6 192.0.2.1 198.51.100.1 56324 443\r\n", "PROXY TCP4 ::1 ::1 56324 443\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\n", "proxy UNKNOWN\r\n",
            "PROXY UDP4 192.0.2.1 198.51.100.1 1 2\r\n",
            "PROXX", "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\rx\r\n",
        ])
    func refusedLines(_ line: String) { #expect(read(line) == .invalid) }

    @Test("Version 2 names an IPv4, an IPv6 or a unix client; further fields are skipped")
    func binary() {
        let plain = binaryHeader(v4Block)
        #expect(read(plain + [71, 69]) == .complete(ProxyHeader(client: .named(client), length: 28)))
        #expect(
            read(binaryHeader(v4Block + [3, 0, 4, 1, 2, 3, 4]))
                == .complete(ProxyHeader(client: .named(client), length: 35)))
        let six: [UInt8] = [0x20, 1, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11) + [1]
        let address = PeerAddress(ipv6: 0x2001_0db8_0000_0000_0000_0000_0000_0001, port: 258)
        #expect(
            read(binaryHeader(kind: 0x21, six + six + [1, 2, 3, 4]))
                == .complete(ProxyHeader(client: .named(address), length: 52)))
        #expect(
            read(binaryHeader(kind: 0x31, [UInt8](repeating: 0, count: 216)))
                == .complete(ProxyHeader(client: .named(.unix), length: 232)))
    }

    @Test("LOCAL, an unspecified family and datagrams name nobody")
    func unnamed() {
        #expect(
            read(binaryHeader(command: 0x20, kind: 0x00, [])) == .complete(ProxyHeader(client: .unnamed, length: 16)))
        // Whatever LOCAL says of addresses is ignored.
        #expect(
            read(binaryHeader(command: 0x20, kind: 0xff, [1])) == .complete(ProxyHeader(client: .unnamed, length: 17)))
        #expect(read(binaryHeader(command: 0x20, v4Block)) == .complete(ProxyHeader(client: .unnamed, length: 28)))
        #expect(read(binaryHeader(kind: 0x00, v4Block)) == .complete(ProxyHeader(client: .unnamed, length: 28)))
        #expect(read(binaryHeader(kind: 0x12, v4Block)) == .complete(ProxyHeader(client: .unnamed, length: 28)))
    }

    @Test("What is no header of version 2 is refused, as soon as it shows")
    func refusedBinary() {
        #expect(read(binaryHeader(command: 0x11, v4Block)) == .invalid)
        #expect(read(binaryHeader(command: 0x22, v4Block)) == .invalid)
        #expect(read(binaryHeader(kind: 0x41, v4Block)) == .invalid)
        #expect(read(binaryHeader(kind: 0x13, v4Block)) == .invalid)
        #expect(read(binaryHeader(Array(v4Block.dropLast()))) == .invalid)
        #expect(read(binaryHeader(kind: 0x21, v4Block)) == .invalid)
        #expect(read(binaryHeader(kind: 0x31, v4Block)) == .invalid)
        #expect(read([0x16, 3, 1]) == .invalid)
        #expect(read("\r\nGET") == .invalid)
        // Longer than any header that is taken, before the rest has come.
        #expect(read(Array(binaryHeader([UInt8](repeating: 0, count: 4081)).prefix(16))) == .invalid)
        #expect(read(Array(binaryHeader([UInt8](repeating: 0, count: 4080)).prefix(16))) == .incomplete)
    }

    @Test("Every beginning of a header is incomplete, and bytes behind it change nothing")
    func pieces() {
        let headers = [
            Array("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n".utf8), binaryHeader(v4Block),
            binaryHeader(command: 0x20, kind: 0, []), Array("PROXY UNKNOWN\r\n".utf8),
        ]
        for header in headers {
            let whole = read(header)
            for count in 0..<header.count { #expect(read(Array(header[..<count])) == .incomplete) }
            #expect(read(header + [UInt8](repeating: 0, count: 5000)) == whole)
        }
    }

    @Test("Whatever the bytes are, a header that is read lies within them and within its bound")
    func random() {
        var generator = SeededGenerator(seed: 3)
        let headers = [
            Array("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n".utf8), Array("PROXY TCP6 ::1 ::2 1 2\r\n".utf8),
            binaryHeader(v4Block), binaryHeader(kind: 0x21, [UInt8](repeating: 7, count: 40)),
        ]
        for _ in 0..<30_000 {
            var bytes = headers.randomElement(using: &generator)!
            for _ in 0..<Int.random(in: 0..<4, using: &generator) where !bytes.isEmpty {
                let place = Int.random(in: bytes.indices, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes[place] = .random(in: 0...255, using: &generator)
                case 1: bytes.remove(at: place)
                case 2: bytes.insert(.random(in: 0...255, using: &generator), at: place)
                default: bytes.removeLast(bytes.count - place)
                }
            }
            guard case .complete(let header) = read(bytes) else { continue }
            #expect(header.length <= bytes.count && header.length <= ProxyHeader.limit && header.length > 14)
            // It was complete with its own bytes alone.
            #expect(read(Array(bytes[..<header.length])) == .complete(header))
        }
    }
}

@Suite("Connections that begin with a header of the PROXY protocol")
struct ProxyConnectionTests {
    private let line = Array("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n".utf8)
    private let request = Array("GET /a HTTP/1.1\r\nHost: h\r\n\r\n".utf8)

    private func connect(_ scene: ClientScene) -> ScriptedClient {
        let client = scene.connect()
        client.connection.expectProxyHeader()
        return client
    }

    @Test("Requests behind the header have the client's address, however the bytes arrive")
    func named() {
        for header in [line, binaryHeader(v4Block)] {
            let bytes = header + request + request
            for split in 0...bytes.count {
                let scene = ClientScene()
                var peers: [PeerAddress] = []
                scene.answer = { handler in
                    peers.append(handler.stream!.message.peer)
                    handler.respond("x")
                }
                let client = connect(scene)
                client.send(Array(bytes[..<split]))
                client.send(Array(bytes[split...]))
                #expect(
                    peers == Array(repeating: PeerAddress(ipv4: 0xc000_0201, port: 56324), count: 2),
                    "split at \(split)")
                #expect(client.connection.activeRequests == 0 && client.end == nil)
            }
        }
    }

    @Test("A load balancer's own connection keeps its address")
    func local() {
        let scene = ClientScene()
        var peers: [PeerAddress] = []
        scene.answer = { handler in
            peers.append(handler.stream!.message.peer)
            handler.respond("x")
        }
        let client = connect(scene)
        client.send(binaryHeader(command: 0x20, kind: 0, []) + request)
        #expect(peers == [.unix])
    }

    @Test("Without a valid header the connection is closed without a word, counted and told")
    func refused() {
        for bytes in [request, Array("PROXY TCP4 1.2.3\r\n".utf8), [0x16, 3, 1, 0]] {
            let scene = ClientScene()
            var told = 0
            scene.connections.proxyHeaderRefused = { _ in told += 1 }
            let client = connect(scene)
            client.send(bytes)
            #expect(client.text() == "" && client.end != nil)
            #expect(scene.log == [] && told == 1 && scene.connections.counters.proxyHeadersRefused == 1)
        }
    }

    @Test("A header that doesn't come whole in time is one too; a connection that says nothing is a health check")
    func late() {
        let scene = ClientScene { $0.headTimeout = 7_000 }
        let slow = connect(scene)
        #expect(slow.waits(7_000) && slow.connection.activeRequests == 0)
        slow.send(Array(line[..<10]))
        // Its first bytes don't give it more time.
        #expect(slow.waits(7_000))
        slow.letTimePass()
        #expect(slow.text() == "" && slow.end != nil && scene.connections.counters.proxyHeadersRefused == 1)
        let cut = connect(scene)
        cut.send(Array(line[..<10]))
        cut.finishSending()
        #expect(scene.connections.counters.proxyHeadersRefused == 2)
        let silent = connect(scene)
        silent.finishSending()
        let still = connect(scene)
        still.letTimePass()
        #expect(still.text() == "" && still.end != nil)
        #expect(scene.connections.counters.proxyHeadersRefused == 2 && scene.log == [])
    }

    @Test("After the header the time for a head begins, and a head that comes in parts is waited for")
    func heads() {
        let scene = ClientScene { $0.headTimeout = 7_000 }
        let client = connect(scene)
        client.send(line)
        #expect(client.waits(7_000) && client.connection.activeRequests == 0)
        client.send(Array(request[..<5]))
        client.letTimePass()
        #expect(scene.log.first == "head timed out")
    }
}
