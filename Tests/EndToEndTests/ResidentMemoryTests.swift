import Foundation
import TestRandomness
import TestSupport
import Testing

// What the process occupies, against what its limits say.

@Suite("Resident memory", .serialized, .enabled(if: !isSanitized))
struct ResidentMemoryTests {
    /// Sizes of bodies in a phase of an API's life: mostly small, mostly large, or both.
    enum Mix: CaseIterable {
        case small, large, mixed

        func size(_ random: inout some RandomNumberGenerator) -> Int {
            let share = Int.random(in: 0..<100, using: &random)
            return switch self {
            case .small:
                share < 90
                    ? .random(in: 1 << 10...16 << 10, using: &random)
                    : .random(in: 16 << 10...100 << 10, using: &random)
            case .large: .random(in: 256 << 10...8 << 20, using: &random)
            case .mixed: 1024 << Int.random(in: 0...13, using: &random)
            }
        }
    }

    @Test("Responses of mixed sizes that come and go stay within 1.3 times store.memory")
    func mixedSizes() throws {
        let limit = 48 << 20
        try Stage.run { stage in
            let block = [UInt8](repeating: 120, count: 8 << 20)
            let origin = try stage.origin { exchange in
                let size = Int(exchange.request.path.split(separator: "/").last ?? "") ?? 0
                if size % 3 != 0 {
                    return try exchange.respond(200, ["Cache-Control: max-age=600"], bytes: Array(block[..<size]))
                }
                // Without a length, so that it is stored in a block that grows.
                try exchange.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\nTransfer-Encoding: chunked\r\n\r\n")
                var rest = size
                while rest > 0 {
                    let count = min(rest, 20_000)
                    try exchange.send(Array("\(String(count, radix: 16))\r\n".utf8) + block[..<count] + [13, 10])
                    rest -= count
                }
                try exchange.send("0\r\n\r\n")
            }
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams: "origin: \(origin.url)", routes: "- path: /{rest...}\n  upstream: origin\n  cache: {}",
                    store: "backend: memory\nmemory: \(limit)", server: "workers: 4\ndrain: 1s"))
            _ = try larder.get("/0/1")
            let before = larder.process.memory()
            for (phase, mix) in [Mix.small, .large, .small, .mixed, .small].enumerated() {
                DispatchQueue.concurrentPerform(iterations: 4) { number in
                    var random = SeededGenerator(seed: UInt64(phase * 4 + number))
                    var sent = 0
                    var count = 0
                    do {
                        let client = try larder.client()
                        while sent < limit * 3 / 8 {
                            let size = mix.size(&random)
                            try client.send(RawClient.request("GET", "/\(phase)-\(number)-\(count)/\(size)"))
                            let response = try client.readResponse()
                            #expect(response.body.count == size)
                            sent += size
                            count += 1
                        }
                    } catch {
                        Issue.record("\(error)")
                    }
                }
                let held = try larder.stats()["store"]["memory"]["bytes"].int ?? 0
                #expect(held > limit / 2, "\(larder.storeStats)")
                // Memory is returned a moment after it was freed.
                let isWithin = eventually(within: 15) { larder.process.memory() - before < limit * 13 / 10 }
                #expect(
                    isWithin, "after \(mix) ones: \((larder.process.memory() - before) >> 20) MiB of \(limit >> 20)")
            }
        }
    }

    @Test("Clients that ask for the same large record in Redis and don't read it share one copy")
    func sharedRecord() throws {
        let size = 8 << 20
        try Stage.run { stage in
            let redis = try stage.redis()
            let origin = try stage.origin {
                try $0.respond(200, ["Cache-Control: max-age=600"], bytes: [UInt8](repeating: 120, count: size))
            }
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams: "origin: \(origin.url)", routes: "- path: /{rest...}\n  upstream: origin\n  cache: {}",
                    store: "backend: redis\nredis: \(redis.url)\ntimeout: 20s"))
            _ = try larder.get("/a")
            // Complete in Redis, where every worker finds it.
            #expect(
                try eventually(within: 15) {
                    guard case .array(let keys) = try redis.command("KEYS", "larder:*") else { return false }
                    return keys.count == 1 && keys[0].bytes?.text.contains("upload") == false
                })
            try larder.awaitHit("/a")
            let before = larder.process.memory()
            var clients: [RawClient] = []
            for _ in 0..<100 {
                let client = try larder.client(receiveBuffer: 4096)
                try client.send(RawClient.request("GET", "/a"))
                clients.append(client)
            }
            for client in clients { #expect(try client.readHead()?["X-Cache"] == "HIT") }
            let grown = larder.process.memory() - before
            // At most one copy for each of the two workers, one that is being read, and 100 KiB a client.
            #expect(grown < 3 * size + 100 * 100 << 10, "\(grown >> 20) MiB for \(clients.count) clients")
        }
    }
}
