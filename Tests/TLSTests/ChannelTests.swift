import Configuration
import Glibc
import TestSupport
import Testing

@testable import EventLoop
@testable import TLS

/// Two channels that talk over a socket pair, on one thread.
private final class Pair {
    let server: TLSChannel
    let client: TLSChannel
    let descriptors: (server: Int32, client: Int32)

    init(buffer: Int32 = 64 << 10) throws {
        let authority = try TestAuthority()
        let paths = try authority.issue("pair", names: ["pair.test"])
        var files = CertificateFiles()
        (files.chain, files.key) = (paths.chain, paths.key)
        var listener = ListenerTLS()
        listener.certificates = [files]
        let contexts = try ServerContexts(ListenerCredentials(listener), ownKeys: TicketKeys(following: nil))
        var upstream = UpstreamTLS()
        upstream.ca = authority.certificate
        let buffers = RecordBytes()
        server = try #require(contexts.makeChannel(buffers))
        client = try #require(ClientContext(upstream).makeChannel(to: "pair.test", number: 0, buffers))
        var ends: [Int32] = [0, 0]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &ends) == 0)
        for end in ends {
            var size = buffer
            setsockopt(end, SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        descriptors = (ends[0], ends[1])
    }

    deinit {
        close(descriptors.server)
        if !isClientClosed { close(descriptors.client) }
    }

    private var isClientClosed = false

    func closeClient() {
        isClientClosed = true
        close(descriptors.client)
    }

    /// True once both sides are done.
    func shakeHands() -> Bool {
        var done = (false, false)
        for _ in 0..<20 {
            if case .done = client.handshake(on: descriptors.client) { done.0 = true }
            if case .done = server.handshake(on: descriptors.server) { done.1 = true }
            if done == (true, true) { return true }
        }
        return false
    }

    func receive(_ room: Int = 64 << 10) -> (ReceiveResult, [UInt8]) {
        var bytes = [UInt8](repeating: 0, count: room)
        let result = bytes.withUnsafeMutableBytes { server.receive(on: descriptors.server, into: $0) }
        if case .bytes(let count) = result { return (result, Array(bytes[..<count])) }
        return (result, [])
    }

    func send(_ pieces: [[UInt8]]) -> SendResult {
        let all = pieces + Array(repeating: [], count: 3 - pieces.count)
        return all[0].withUnsafeBytes { first in
            all[1].withUnsafeBytes { second in
                all[2].withUnsafeBytes { client.send(on: descriptors.client, first, second, $0) }
            }
        }
    }
}

@Suite("A TLS channel over a socket")
struct ChannelTests {
    @Test("What doesn't fit the reader's room is pending, and no read of the socket is needed for it")
    func pending() throws {
        let pair = try Pair(buffer: 1 << 20)
        #expect(pair.shakeHands())
        let sent = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        #expect(pair.send([sent]) == .wrote(sent.count))
        var received: [UInt8] = []
        let (_, first) = pair.receive(1_000)
        received += first
        #expect(first.count == 1_000 && pair.server.hasPending)
        while pair.server.hasPending { received += pair.receive(7_777).1 }
        #expect(received == sent && pair.receive().0 == .wouldBlock)
    }

    @Test(
        "Bytes count as written only once the socket has everything that was made of them; offered again, they go once")
    func slowReader() throws {
        let pair = try Pair(buffer: 4 << 10)
        #expect(pair.shakeHands())
        let sent = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 131 &+ $0 >> 8) }
        let (head, middle) = (Array(sent[..<777]), 1_500_000)
        var (taken, turns, blocked) = (0, 0, 0)
        var received: [UInt8] = []
        while received.count < sent.count, turns < 1_000_000 {
            turns += 1
            if taken < sent.count {
                // In three pieces, as a head, a body and what is behind it.
                let pieces = [
                    Array(head[min(taken, head.count)...]), Array(sent[min(max(taken, head.count), middle)..<middle]),
                    Array(sent[max(taken, middle)...]),
                ]
                guard case .wrote(let count) = pair.send(pieces) else {
                    Issue.record("the connection broke")
                    return
                }
                taken += count
                if pair.client.hasUnsent {
                    blocked += 1
                    #expect(taken < sent.count)
                }
                #expect(pair.client.unsentCount <= 70 << 10)
            }
            received += pair.receive(10_000).1
        }
        #expect(received == sent && taken == sent.count && blocked > 10)
    }

    @Test("RFC 8446 §6.1: the end is an end only with close_notify; without it the connection was cut")
    func ends() throws {
        let told = try Pair()
        #expect(told.shakeHands())
        #expect(told.send([[1, 2, 3]]) == .wrote(3))
        told.client.end(on: told.descriptors.client)
        #expect(told.receive().1 == [1, 2, 3])
        // The end was read together with the bytes: no event would come for it.
        #expect(told.server.hasPending && told.receive().0 == .ended && !told.server.hasPending)
        #expect(told.send([[4]]) == .failed(EPIPE))

        let cut = try Pair()
        #expect(cut.shakeHands())
        #expect(cut.send([[1, 2, 3]]) == .wrote(3))
        cut.closeClient()
        #expect(cut.receive().1 == [1, 2, 3])
        #expect(cut.receive().0 == .failed(ECONNRESET))
    }

    @Test("A look at an idle connection takes no byte, and a session ticket that comes over it is nothing to read")
    func peeking() throws {
        let pair = try Pair()
        #expect(pair.shakeHands())
        // The server's ticket waits at the client.
        #expect(pair.client.peek(on: pair.descriptors.client) == .wouldBlock)
        #expect(pair.send([[9]]) == .wrote(1))
        #expect(pair.server.peek(on: pair.descriptors.server) == .bytes(1))
        #expect(pair.server.peek(on: pair.descriptors.server) == .bytes(1))
        #expect(pair.receive().1 == [9])
    }

    @Test("HTTP as it is, garbage, and a client that leaves are told from each other")
    func notTLS() throws {
        func fault(_ bytes: [UInt8], leaves: Bool = false) throws -> HandshakeFault.Kind? {
            let pair = try Pair()
            _ = bytes.withUnsafeBytes { write(pair.descriptors.client, $0.baseAddress, $0.count) }
            if leaves { pair.closeClient() }
            for _ in 0..<3 {
                if case .failed(let fault) = pair.server.handshake(on: pair.descriptors.server) {
                    if fault.kind == .plainHTTP { #expect(pair.server.takeReceived() == bytes) }
                    return fault.kind
                }
            }
            return nil
        }
        #expect(try fault(Array("GET / HTTP/1.1\r\n\r\n".utf8)) == .plainHTTP)
        #expect(try fault([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) == .foreign)
        #expect(try fault([22, 3, 1, 0, 5, 1, 2, 3, 4, 5]) == .broken)
        #expect(try fault([22, 3, 1, 0, 200, 1], leaves: true) == .left)
        #expect(try fault([], leaves: true) == .unused)
        #expect(try fault([22, 3, 1]) == nil)
    }

    @Test("A damaged record ends the connection, and nothing of it is passed on")
    func damaged() throws {
        let pair = try Pair()
        #expect(pair.shakeHands())
        let record: [UInt8] = [23, 3, 3, 0, 32] + (0..<32).map { UInt8($0) }
        _ = record.withUnsafeBytes { write(pair.descriptors.client, $0.baseAddress, $0.count) }
        #expect(pair.receive().0 == .failed(EPROTO))
        #expect(pair.receive().0 == .failed(EPROTO) && !pair.server.hasPending)
    }
}
