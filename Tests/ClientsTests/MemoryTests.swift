import Bytes
import CacheStorage
import HTTPWire
import TestSupport
import Testing

@testable import Clients

// What clients that don't read hold, and who is cut off when that is too much.

@Suite("The memory of clients that don't take their responses")
struct MemoryTests {
    private func get(_ target: String) -> String { "GET \(target) HTTP/1.1\r\nHost: h\r\n\r\n" }

    /// A scene in which `/N` is answered with N bytes.
    private func scene() -> ClientScene {
        let scene = ClientScene()
        scene.answer = { handler in
            let message = handler.stream!.message
            let count = Int(message.bytes.extracting(message.head.target).text().dropFirst()) ?? 0
            handler.wait()
            handler.beginHead()
            handler.stream!.sendHead(.known(UInt64(count)))
            let body = patternedBody(count)
            handler.stream!.send(body.span)
            handler.stream!.end(trailers: [])
        }
        return scene
    }

    @Test("What is queued counts until it is taken, or its client is gone")
    func counts() {
        let scene = scene()
        let (first, second) = (scene.connect(room: 4096), scene.connect(room: 4096))
        first.send(get("/300000"))
        let one = scene.memory.inUse
        #expect(one > 250_000 && one <= 301_000)
        second.send(get("/300000"))
        #expect(scene.memory.inUse > one + 250_000)
        #expect(first.readAll().count > 300_000)
        second.close()
        scene.settle()
        #expect(scene.memory.inUse == 0)
    }

    @Test("Those that hold most are cut off first, and no more of them than needed")
    func relief() {
        let scene = scene()
        let sizes = [100_000, 300_000, 50, 200_000]
        let clients = sizes.map { _ in scene.connect(room: 4096) }
        for (client, size) in zip(clients, sizes) { client.send(get("/\(size)")) }
        scene.connections.relieve(downTo: 1_000_000)
        #expect(clients.allSatisfy { $0.connection.isOpen })
        scene.connections.relieve(downTo: 350_000)
        scene.settle()
        #expect(clients.map { $0.connection.isOpen } == [true, false, true, true])
        scene.connections.relieve(downTo: 0)
        scene.settle()
        #expect(clients.map { $0.connection.isOpen } == [false, false, true, false])
        #expect(scene.memory.inUse == 0 && scene.log.filter { $0 == "memory short" }.count == 3)
    }

    @Test(
        "A client that waits for a stored body holds its part of it, unless the store has it anyway",
        arguments: [false, true])
    func pinned(isStored: Bool) {
        let scene = ClientScene()
        let store = MemoryStore(bytes: 4 << 20)
        let record = storedResponse(body: patternedBody(300_000))
        if isStored { store.store(CacheKey(high: 1, low: 2), record) }
        scene.answer = { handler in
            handler.beginHead()
            handler.stream!.sendHead(.known(300_000))
            handler.stream!.sendStored(record, range: 0..<300_000)
        }
        let clients = (0..<3).map { _ in scene.connect(room: 4096) }
        for client in clients { client.send(get("/a")) }
        for client in clients {
            let held = client.connection.heldBytes
            #expect(isStored ? held < 1_000 : held > 100_000 && held < 102_000)
        }
        scene.connections.relieve(downTo: 10_000)
        scene.settle()
        #expect(clients.filter { $0.connection.isOpen }.count == (isStored ? 3 : 0))
    }

    @Test("A client far beyond the limit is closed at once; those before it are told")
    func turnedAway() {
        let scene = ClientScene {
            $0.clients = 1
            $0.rejected = 1
        }
        let ends = (0..<3).map { _ in scene.accept() }
        scene.settle()
        #expect(ends[0].text() == "" && ends[0].end == nil)
        #expect(ends[1].text().hasPrefix("HTTP/1.1 503 ") && ends[1].end == "closed")
        #expect(ends[2].text() == "" && ends[2].end == "closed")
        #expect(scene.connections.counters.turnedAway == 1 && scene.connections.count == 2)
    }
}
