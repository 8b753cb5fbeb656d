import Foundation
import TestSupport
import Testing

// What responses under way cost while their clients don't read, and what happens when that, or the number of clients, is more
// than there is room for.

@Suite("limits.memory and descriptors: what clients that don't read may hold")
struct ResponseMemoryTests {
    private func scene(_ limits: String, descriptorLimit: Int? = nil) throws -> (ScriptedOrigin, LarderProcess) {
        let stage = Stage.shared()
        let origin = try stage.origin()
        let configuration = LarderConfiguration(
            upstreams: "origin: \(origin.url)",
            routes: "- path: /{rest...}\n  upstream: origin\n  cache:\n    timeout: 60s", limits: limits)
        let launcher = descriptorLimit.map { ["/bin/sh", "-c", "ulimit -n \($0); exec \"$@\"", "sh"] } ?? []
        return (origin, try LarderProcess(configuration, launcher: launcher))
    }

    /// Clients that ask for something and read nothing of it.
    private func silentClients(_ count: Int, of larder: LarderProcess, _ path: String, _ fields: [String] = []) throws
        -> [RawClient]
    {
        try (0..<count).map { _ in
            let client = try larder.client(receiveBuffer: 4096)
            try client.send(RawClient.request("GET", path, fields))
            return client
        }
    }

    @Test("Of clients that don't read those that hold most are cut off at limits.memory; others are served")
    func clientsOverMemory() throws {
        // Sockets of loopback take megabytes of each body; what is left is some 25 KiB a client, twice the limit together.
        let (origin, larder) = try scene("memory: 2MiB")
        defer { _ = larder.stop() }
        let body = [UInt8](repeating: 7, count: 4 << 20)
        let large = origin.script { try $0.respond(200, ["Cache-Control: no-store"], bytes: body) }
        let small = origin.script(200, ["Cache-Control: no-store"], body: "ok")
        let clients = try silentClients(160, of: larder, large)
        #expect(try eventually(within: 30) { try larder.figure("limits", "memory") > 0 })
        #expect(try larder.get(small).text == "ok")
        #expect(try eventually(within: 30) { try larder.figure("responses", "memory_bytes") <= 2 << 20 })
        #expect(try larder.figure("totals", "clients") > 10)
        for client in clients { client.close() }
        #expect(try eventually(within: 30) { try larder.figure("responses", "memory_bytes") == 0 })
        #expect(try larder.get(large).body.count == body.count)
    }

    @Test("A response that limits.memory has no room for is streamed and not stored")
    func streamedAtLimit() throws {
        let (origin, larder) = try scene("memory: 1MiB")
        defer { _ = larder.stop() }
        let body = patternedBody(3 << 20)
        let large = origin.script { try $0.respond(200, ["Cache-Control: max-age=60"], bytes: body) }
        let small = origin.script(200, ["Cache-Control: max-age=60"], body: "ok")
        for _ in 0..<2 {
            let response = try larder.get(large)
            #expect(response.xCache != "HIT" && response.body == body)
        }
        #expect(try larder.awaitHit(small).text == "ok")
        #expect(try larder.figure("store", "filling_refused") > 0)
        #expect(try eventually(within: 10) { try larder.figure("responses", "memory_bytes") == 0 })
    }

    @Test("RFC 9110 §14.6: clients that don't read many ranges cost no copies of them", .enabled(if: !isSanitized))
    func ranges() throws {
        let (origin, larder) = try scene("")
        defer { _ = larder.stop() }
        let body = patternedBody(7 << 20)
        let path = origin.script { try $0.respond(200, ["Cache-Control: max-age=600"], bytes: body) }
        #expect(try larder.get(path).body == body)
        try larder.awaitHit(path)
        let ranges = (0..<16).map { "\($0 * 400_000)-\($0 * 400_000 + 390_000)" }.joined(separator: ",")
        let whole = try larder.get(path, ["Range: bytes=\(ranges)"])
        #expect(whole.status == 206)
        #expect(
            try whole.parts().map(\.bytes) == (0..<16).map { Array(body[($0 * 400_000)...($0 * 400_000 + 390_000)]) })
        let before = larder.process.memory()
        let clients = try silentClients(100, of: larder, path, ["Range: bytes=\(ranges)"])
        #expect(try eventually(within: 20) { try larder.figure("totals", "active_requests") >= 100 })
        #expect(larder.process.memory() - before < 10 << 20)
        for client in clients { client.close() }
    }

    @Test("However many clients there are, origins, the admin listener and those that are connected have descriptors")
    func descriptors() throws {
        let (origin, larder) = try scene("idle_timeout: 60s\nclients: 20000", descriptorLimit: 160)
        defer { _ = larder.stop() }
        let path = origin.script(200, ["Cache-Control: no-store"], body: "ok")
        let first = try larder.client()
        #expect(try first.request("GET", path).text == "ok")
        let clients = (0..<220).compactMap { _ in try? larder.client() }
        #expect(try eventually(within: 20) { try larder.figure("limits", "clients") > 100 })
        #expect(try first.request("GET", path + "?again").text == "ok")
        #expect(try larder.figure("totals", "clients") > 40)
        #expect(try larder.figure("totals", "accept_failures") == 0)
        let warning = "limits.clients is 20000"
        #expect(larder.process.standardError.contains(warning))
        larder.signal(SIGHUP)
        #expect(eventually(within: 20) { larder.process.standardError.contains("configuration reloaded") })
        #expect(larder.process.standardError.components(separatedBy: warning).count == 2)
        for client in clients { client.close() }
        #expect(eventually(within: 20) { (try? larder.get(path).text) == "ok" })
    }
}
