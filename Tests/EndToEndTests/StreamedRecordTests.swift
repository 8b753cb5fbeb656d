import Foundation
import TestSupport
import Testing

// Large records in Redis, sent to clients while they are read. With little memory for responses they are read in step with the
// client, so that Redis and other programs have time for what they do in the middle of it.

@Suite("Large records are sent as they come from Redis")
struct StreamedRecordTests {
    /// Larger than what the sockets on the way take.
    private static let body = patternedBody(24 << 20)
    private var body: [UInt8] { Self.body }
    private static let pieces = 24 * 8 + 1

    /// A Larder that stores the record, one with little memory that serves it, and their Redis.
    private func play(
        memory: String = "4MiB", backend: String = "redis", timeout: String = "20s", body: [UInt8] = body,
        paths: [String] = ["/a"],
        _ act: (RedisServer, LarderProcess, LarderProcess) throws -> Void
    ) throws {
        try Stage.run { stage in
            let redis = try stage.redis()
            let fetches = Locked(0)
            let origin = try stage.origin { exchange in
                let number = fetches.withLock {
                    $0 += 1
                    return $0
                }
                let bytes = exchange.request["X-Next"] == nil ? body : body.reversed()
                try exchange.respond(
                    200, ["Cache-Control: max-age=600", "ETag: \"v\"", "X-Fetch: \(number)"], bytes: bytes)
            }
            func larder(_ memory: String, _ backend: String) throws -> LarderProcess {
                var configuration = LarderConfiguration.caching(origin.url)
                configuration.server = "workers: 1"
                configuration.store = "backend: \(backend)\nredis: \(redis.url)\ntimeout: \(timeout)\nobject: 32MiB"
                configuration.limits = "memory: \(memory)"
                return try stage.larder(configuration)
            }
            let one = try larder("512MiB", "redis")
            for path in paths {
                let key = try one.redisKey("GET", "http://api.example\(path)")
                let isStored = try eventually(within: 30) {
                    guard try one.get(path).body.count == body.count else { return false }
                    return try eventually(within: 2) { try redis.command("STRLEN", key).int ?? 0 > body.count }
                }
                #expect(isStored)
            }
            let other = try larder(memory, backend)
            #expect(try eventually { try other.redisState == "up" })
            try act(redis, one, other)
        }
    }

    private func reads(_ redis: RedisServer) throws -> Int {
        let text = try redis.command("INFO", "commandstats").bytes?.text ?? ""
        let line = text.split(separator: "\r\n").first { $0.hasPrefix("cmdstat_getrange:calls=") }
        return line.flatMap { Int($0.dropFirst("cmdstat_getrange:calls=".count).prefix { $0.isNumber }) } ?? 0
    }

    /// A client that has asked, and reads nothing before it is told to.
    private func client(of larder: LarderProcess, _ path: String = "/a", _ fields: [String] = []) throws -> RawClient {
        let client = try larder.client(receiveBuffer: 4096)
        try client.send(RawClient.request("GET", path, fields))
        return client
    }

    /// Waits until Redis isn't asked for more.
    private func settle(_ redis: RedisServer) throws {
        var last = -1
        #expect(
            try eventually(within: 20) {
                let now = try reads(redis)
                defer { last = now }
                Thread.sleep(forTimeInterval: 0.2)
                return now == last
            })
    }

    @Test("The response begins before the record is read, and a client that doesn't read holds the reads back")
    func heldBack() throws {
        try play { redis, _, larder in
            let before = try reads(redis)
            let client = try client(of: larder)
            #expect(client.socket.isReadable(within: 20))
            try settle(redis)
            #expect(try reads(redis) - before < Self.pieces - 20)
            #expect(try larder.figure("responses", "memory_bytes") <= 4 << 20)
            let response = try client.readResponse()
            #expect(response.xCache == "HIT" && response.body == body)
            #expect(try reads(redis) - before == Self.pieces)
            #expect(try eventually { try larder.figure("responses", "memory_bytes") == 0 })
        }
    }

    @Test("With memory to spare the whole is read at once, and one copy serves all clients")
    func oneCopy() throws {
        let body = Array(body[..<(6 << 20)])
        try play(memory: "256MiB", body: body) { redis, _, larder in
            let before = try reads(redis)
            let clients = try (0..<50).map { _ in try client(of: larder) }
            #expect(try eventually(within: 30) { try larder.figure("totals", "active_requests") >= 50 })
            try settle(redis)
            let count = try larder.figure("responses", "memory_bytes")
            #expect(count >= body.count && count < body.count + (4 << 20))
            #expect(try reads(redis) - before < 49 + 50)
            for client in clients {
                let response = try client.readResponse()
                #expect(response.xCache == "HIT" && response.body == body)
            }
        }
    }

    @Test("Where one record takes more than half of the memory, all but its first client share a copy")
    func oneCopyOfMuch() throws {
        try play(memory: "32MiB") { redis, _, larder in
            let before = try reads(redis)
            let clients = try (0..<20).map { _ in try client(of: larder) }
            for client in clients { #expect(client.socket.isReadable(within: 30)) }
            try settle(redis)
            #expect(try larder.figure("responses", "memory_bytes") <= 32 << 20)
            for client in clients {
                let response = try client.readResponse()
                #expect(response.xCache == "HIT" && response.body == body)
            }
            #expect(try reads(redis) - before <= 2 * Self.pieces + 20)
        }
    }

    @Test("Clients of different records stay within limits.memory, and each gets its own")
    func manyRecords() throws {
        let body = Array(body[..<(6 << 20)])
        let paths = (0..<20).map { "/\($0)" }
        try play(memory: "16MiB", body: body, paths: paths) { redis, _, larder in
            let clients = try paths.map { try client(of: larder, $0) }
            for client in clients { #expect(client.socket.isReadable(within: 30)) }
            try settle(redis)
            #expect(try larder.figure("responses", "memory_bytes") <= 16 << 20)
            for (index, client) in clients.enumerated() {
                let response = try client.readResponse()
                #expect(response.status == 200 && response.body == body, "\(index)")
            }
        }
    }

    enum Change: CaseIterable { case deleted, replaced, killed }

    @Test(
        "A record that is gone in the middle cuts the response off, after bytes that are its own",
        arguments: Change.allCases)
    func cut(change: Change) throws {
        try play { redis, other, larder in
            let client = try client(of: larder)
            #expect(client.socket.isReadable(within: 20))
            try settle(redis)
            let key = try larder.redisKey("GET", "http://api.example/a")
            switch change {
            case .deleted: #expect(try redis.command("DEL", key) == .integer(1))
            case .replaced:
                #expect(try redis.command("DEL", key) == .integer(1))
                #expect(try other.get("/a", ["X-Next: 1"]).body.first == body.last)
                #expect(try eventually { try redis.command("EXISTS", key) == .integer(1) })
            case .killed: redis.kill()
            }
            let response = try client.readResponse()
            #expect(!response.isComplete && response.status == 200)
            #expect(body.starts(with: response.body) && response.body.count < body.count)
            #expect(try larder.figure("outcomes", "stored-cut-short") == 1)
            #expect(try larder.figure("store", "remote", "cut_reads") == 1)
            #expect(try eventually { try larder.figure("responses", "memory_bytes") == 0 })
        }
    }

    @Test("A record of up to 1 MiB is sent once it is whole: what is gone in the middle comes from the origin")
    func small() throws {
        let body = Array(body[..<(1 << 20)])
        try play(memory: "256MiB", body: body) { redis, _, larder in
            let before = try reads(redis)
            #expect(try larder.request("HEAD", "/a").xCache == "HIT")
            #expect(try reads(redis) - before == 1)
            let hit = try larder.get("/a")
            #expect(hit.xCache == "HIT" && hit.body == body)
            // The last piece isn't what was written.
            let key = try larder.redisKey("GET", "http://api.example/a")
            #expect(try redis.command("SETRANGE", key, "1048000", "x").int ?? 0 > 1 << 20)
            let next = try larder.get("/a")
            #expect(next.xCache == "MISS" && next.body == body)
        }
    }

    @Test("While there is memory to spare, a record may be deleted at any moment, and no response is cut off")
    func deletedMeanwhile() throws {
        let body = Array(body[..<(3 << 20)])
        try play(memory: "256MiB", body: body) { redis, _, larder in
            let key = try larder.redisKey("GET", "http://api.example/a")
            var hits = 0
            for number in 0..<30 {
                let isStored = try eventually(within: 30) {
                    _ = try larder.get("/a")
                    return try eventually(within: 2) { try redis.command("STRLEN", key).int ?? 0 > body.count }
                }
                #expect(isStored)
                let isDeleted = DispatchGroup()
                DispatchQueue.global().async(group: isDeleted) {
                    Thread.sleep(forTimeInterval: Double(number) * 0.001)
                    _ = try? redis.command("DEL", key)
                }
                let response = try larder.get("/a")
                #expect(response.isComplete && response.body == body, "\(number)")
                if response.xCache == "HIT" { hits += 1 }
                isDeleted.wait()
            }
            #expect(hits > 0)
            #expect(try larder.figure("store", "remote", "cut_reads") == 0)
        }
    }

    @Test("A Redis that hangs in the middle, and doesn't any more, costs time and no bytes")
    func hangs() throws {
        try play(timeout: "150ms") { redis, _, larder in
            let client = try client(of: larder)
            #expect(client.socket.isReadable(within: 20))
            try settle(redis)
            redis.freeze()
            let wasDown = Switch()
            Thread.detachNewThread {
                if (try? eventually(within: 10) { try larder.redisState != "up" }) == true { wasDown.turnOn() }
                redis.thaw()
            }
            let response = try client.readResponse()
            #expect(wasDown.isOn && response.isComplete && response.body == body)
            #expect(try larder.figure("store", "remote", "cut_reads") == 0)
        }
    }

    @Test("HEAD and a condition that holds have no more read than the first piece, a range no more than its pieces")
    func partially() throws {
        try play(memory: "256MiB") { redis, _, larder in
            var before = try reads(redis)
            let head = try larder.request("HEAD", "/a")
            #expect(head.xCache == "HIT" && head["Content-Length"] == "\(body.count)")
            #expect(try larder.get("/a", ["If-None-Match: \"v\""]).status == 304)
            #expect(try reads(redis) - before == 2)
            before = try reads(redis)
            let part = try larder.get("/a", ["Range: bytes=20000000-20300000"])
            #expect(part.status == 206 && part.body == Array(body[20_000_000...20_300_000]) && part.xCache == "HIT")
            #expect(part["Content-Range"] == "bytes 20000000-20300000/\(body.count)")
            #expect(try reads(redis) - before <= 5)
            let last = try larder.get("/a", ["Range: bytes=-10"])
            #expect(last.status == 206 && last.body == Array(body.suffix(10)))
            let several = try larder.get("/a", ["Range: bytes=0-9,1000000-1000009"])
            #expect(several.status == 206 && several["Content-Type"]?.hasPrefix("multipart/byteranges") == true)
            #expect(try larder.get("/a", ["Range: bytes=99999999-"]).status == 416)
        }
    }

    @Test("Without memory for a read the response comes from the origin")
    func budgetReached() throws {
        try play(memory: "1MiB") { _, _, larder in
            let slow = try client(of: larder)
            #expect(slow.socket.isReadable(within: 20))
            #expect(try slow.readHead()?["X-Cache"] == "HIT")
            let response = try larder.get("/a")
            #expect(response.status == 200 && response.body == body && response.xCache != "HIT")
            slow.close()
            #expect(try eventually(within: 20) { try larder.get("/a").xCache == "HIT" })
        }
    }

    @Test("tiered: memory keeps what has come whole, and a DEL in the middle leaves no copy")
    func copies() throws {
        try play(memory: "256MiB", backend: "tiered\nmemory: 128MiB") { redis, _, larder in
            #expect(
                try eventually(within: 20) {
                    let before = try reads(redis)
                    let response = try larder.get("/a")
                    return try response.body == body && reads(redis) == before
                })
            let hit = try larder.get("/a")
            #expect(hit.xCache == "HIT" && hit.body == body)
            let key = try larder.redisKey("GET", "http://api.example/a")
            #expect(try redis.command("DEL", key) == .integer(1))
            #expect(try eventually { try larder.get("/a")["X-Fetch"] != hit["X-Fetch"] })
        }
    }
}
