import Foundation
import TestSupport
import Testing

// Bodies far larger than what the daemon may hold: they stream, a slow side slows the other, and memory stays flat.

@Suite("Large bodies stream through", .serialized)
struct LargeBodyTests {
    static let shared = Result { try Scene { .caching($0) } }
    let scene: Scene

    init() throws { scene = try Self.shared.get() }

    @Test("curl -T uploads 100 MiB, and the origin has every byte")
    func upload() throws {
        let folder = try TemporaryFolder.make("upload")
        let sent = "\(folder)/sent"
        let received = "\(folder)/received"
        #expect(try run(["sh", "-c", "head -c 104857600 /dev/urandom > \(sent)"]).status == 0)
        try Data().write(to: URL(fileURLWithPath: received))
        let path = scene.origin.script { exchange in
            let file = try #require(FileHandle(forWritingAtPath: received))
            try exchange.readBody { try file.write(contentsOf: Data($0)) }
            try file.close()
            try exchange.respond(201, body: "stored")
        }
        let finished = try curl("-T", sent, "\(scene.larder.url)\(path)", within: 60)
        #expect(finished.output == "stored")
        #expect(try run(["cmp", sent, received]).status == 0)
        let request = try #require(scene.origin.requests(for: path).first)
        #expect(request["Content-Length"] == "104857600")
        try FileManager.default.removeItem(atPath: folder)
    }

    @Test(
        "1 GiB downloads through a daemon of less than 64 MiB, and a client that doesn't read stops the origin",
        .enabled(if: !isSanitized))
    func download() throws {
        let size = 1 << 30
        let sent = Counter()
        let path = scene.origin.script { exchange in
            try exchange.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: \(size)\r\n\r\n")
            let block = (0..<65_536).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            for _ in 0..<size / block.count {
                try exchange.send(block)
                sent.add(block.count)
            }
        }
        let client = try scene.larder.client(receiveBuffer: 65_536)
        try client.send(RawClient.request("GET", path))
        let stalled = try #require(settled { sent.value })
        #expect(stalled > 0 && stalled < 48 << 20, "the origin could send \(stalled) bytes though nobody read")
        var received = 0
        var largest = 0
        let response = try client.readResponse { piece in
            received += piece.count
            if received & 0xff_ffff < 65_536 { largest = max(largest, scene.larder.process.memory()) }
        }
        #expect(response.isComplete)
        #expect(received == size)
        #expect(largest < 64 << 20, "resident \(largest >> 20) MiB")
        // Larger than store.object: streamed, not stored.
        #expect(response.xCache == "MISS")
    }

    @Test("An origin that doesn't read stops the client that uploads")
    func uploadBackPressure() throws {
        let gate = DispatchSemaphore(value: 0)
        let path = scene.origin.script { exchange in
            _ = gate.wait(timeout: .now() + 20)
            var count = 0
            try exchange.readBody { count += $0.count }
            try exchange.respond(body: "\(count)")
        }
        let size = 96 << 20
        let sent = Counter()
        let client = try scene.larder.client()
        Thread.detachNewThread { [socket = client.socket] in
            let block = [UInt8](repeating: 120, count: 1 << 20)
            try? socket.send("POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n")
            for _ in 0..<size / block.count where (try? socket.send(block)) != nil { sent.add(block.count) }
        }
        let stalled = try #require(settled { sent.value })
        #expect(stalled < 48 << 20, "the client could send \(stalled) bytes though nobody read")
        gate.signal()
        #expect(try client.readResponse().text == "\(size)")
    }

    @Test("A client that leaves in the middle of a download ends the fetch")
    func clientLeaves() throws {
        let ended = Counter()
        let path = scene.origin.script { exchange in
            defer { ended.add(1) }
            try exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            let block = [UInt8](repeating: 0, count: 65_536)
            while true { try exchange.send(block) }
        }
        let client = try scene.larder.client()
        try client.send(RawClient.request("GET", path))
        _ = try client.socket.receive()
        client.socket.reset()
        #expect(eventually { ended.value == 1 })
    }
}
