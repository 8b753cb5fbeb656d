import CacheStorage
import EventLoop
import Foundation
import HTTPCaching
import RedisStorage
import Testing

@Suite("Redis store: what is stored in Redis", .enabled(if: RedisServer.isInstalled))
struct RedisRecordTests {
    @Test(
        "A record stands at the prefix and the key's 32 digits, and DEL of it makes a miss", arguments: [10, 300_000])
    func keyIsPredictable(size: Int) throws {
        let server = try RedisServer()
        let world = RedisWorld(server)
        let record = TestRecord(body: patternedBody(size))
        world.keep(record)
        #expect(world.find(record) != nil)
        #expect(server.ask("KEYS", "*") == record.key.redisKey)
        #expect(server.ask("DEL", record.key.redisKey) == "1")
        #expect(world.find(record) == nil)
    }

    @Test("The key's time to live is what is left of the record's life", arguments: [10, 300_000])
    func timeToLive(size: Int) throws {
        let server = try RedisServer()
        let world = RedisWorld(server)
        var record = TestRecord(body: patternedBody(size))
        record.discardAt = world.now.advanced(byMilliseconds: 90_000)
        world.keep(record)
        #expect(world.find(record) != nil)
        let left = Int64(server.ask("PTTL", record.key.redisKey)) ?? -1
        let expected: Int64 = record.discardAt - world.now
        #expect(abs(left - expected) < 1500)
        #expect(Int(server.ask("TTL", record.key.redisKey)) ?? 0 <= 90)
    }

    @Test("A record without an end has no time to live", arguments: [10, 300_000])
    func noEnd(size: Int) throws {
        let server = try RedisServer()
        let world = RedisWorld(server)
        let record = TestRecord(body: patternedBody(size))
        world.keep(record)
        #expect(world.find(record) != nil)
        #expect(server.ask("TTL", record.key.redisKey) == "-1")
    }

    @Test("A value that is not a valid record of this version is a miss, and a later record replaces it")
    func unreadable() throws {
        let server = try RedisServer()
        let world = RedisWorld(server)
        let record = TestRecord(body: patternedBody(500))
        let key = record.key.redisKey
        let spoil: [(String, [String])] = [
            ("a program's own value", ["SET", key, "hello"]),
            ("an empty value", ["SET", key, ""]),
            ("another version", ["SETRANGE", key, "4", "\u{7}"]),
            ("another magic", ["SETRANGE", key, "0", "X"]),
            ("another kind", ["SETRANGE", key, "6", "\u{9}"]),
            ("altered facts", ["SETRANGE", key, "70", "Z"]),
            ("altered lengths", ["SETRANGE", key, "56", "\u{1}"]),
            ("something appended", ["APPEND", key, "!"]),
            ("another key text", ["SETRANGE", key, "130", "!"]),
            ("another body", ["SETRANGE", key, "500", "!"]),
            ("version 2", ["SETRANGE", key, "4", "\u{2}"]),
        ]
        for (name, command) in spoil {
            world.keep(record)
            #expect(world.find(record)?.bodyArray == record.body)
            server.ask(arguments: command)
            #expect(world.find(record) == nil, "\(name) was read as a record")
        }
        #expect(world.redis.figures.unreadableRecords == spoil.count - 1)
        #expect(world.isUp)
    }

    @Test("A value of another type is a failure of that lookup alone")
    func wrongType() throws {
        let server = try RedisServer()
        let world = RedisWorld(server)
        let record = TestRecord()
        server.ask("HSET", record.key.redisKey, "a", "b")
        let collector = AnswerCollector()
        _ = world.redis.lookup(
            record.key, keyText: record.keyText.utf8.span, now: world.now, receiver: collector, token: 1)
        world.work { !collector.results.isEmpty }
        guard case .failed(.otherError) = collector.results.first?.result else {
            Issue.record("expected an error, got \(collector.results)")
            return
        }
        #expect(world.isUp)
        world.keep(record)
        #expect(world.find(record) != nil)
    }

    @Test("A large record that is truncated, or whose pieces belong to another record, is a miss")
    func damagedLargeRecords() throws {
        let server = try RedisServer()
        let world = RedisWorld(server)
        let one = TestRecord(id: 1, body: patternedBody(500_000))
        let key = one.key.redisKey
        world.keep(one)
        #expect(world.find(one)?.id == 1)
        // The id in the second piece's header.
        server.ask("SETRANGE", key, String((128 << 10) + 8), "\u{2}")
        #expect(world.find(one) == nil)
        world.keep(one)
        #expect(world.find(one)?.id == 1)
        server.ask("EVAL", "redis.call('SET', KEYS[1], redis.call('GETRANGE', KEYS[1], 0, 300000))", "1", key)
        #expect(world.find(one) == nil)
        server.ask("EVAL", "redis.call('SET', KEYS[1], string.rep('x', 200000))", "1", key)
        #expect(world.find(one) == nil)
        world.keep(one)
        #expect(world.find(one)?.bodyArray == one.body)
        #expect(world.redis.figures.unreadableRecords == 3)
    }

    @Test("No upload is left behind, whether it was completed or superseded by a later record or a removal")
    func uploadsLeaveNothing() throws {
        let server = try RedisServer()
        let world = RedisWorld(server)
        let large = TestRecord(id: 1, body: patternedBody(3_000_000))
        for isRemoved in [false, true] {
            world.redis.store(large.key, large.make(), now: world.now)
            _ = world.work(atMost: 20) { world.redis.figures.bytesSent > 300_000 }
            if isRemoved {
                #expect(world.remove([large.key]) == 1)
            } else {
                world.redis.store(large.key, TestRecord(id: 2).make(), now: world.now)
            }
            world.settle()
            #expect(world.find(large)?.id == (isRemoved ? nil : 2))
        }
        #expect(server.ask("DBSIZE") == "0")
        world.keep(large)
        #expect(world.find(large)?.bodyCount == 3_000_000)
        #expect(server.ask("DBSIZE") == "1")
    }

    @Test("A removal counts the records that existed")
    func removes() throws {
        let server = try RedisServer()
        let world = RedisWorld(server)
        world.keep(TestRecord())
        #expect(world.remove([TestRecord().key]) == 1)
        #expect(server.ask("DBSIZE") == "0")
        #expect(world.redis.figures.removals == 1)
    }
}

extension RedisServer {
    @discardableResult
    func ask(arguments: [String]) -> String {
        switch arguments.count {
        case 3: ask(arguments[0], arguments[1], arguments[2])
        default: ask(arguments[0], arguments[1], arguments[2], arguments[3])
        }
    }
}

@Suite("Redis store: connecting", .enabled(if: RedisServer.isInstalled))
struct RedisConnectingTests {
    @Test("User, password and database are given at the start")
    func authenticates() throws {
        let server = try RedisServer(["--requirepass", "general", "--user", "larder", "on", ">secret", "~*", "+@all"])
        let world = RedisWorld(server) {
            $0.user = "larder"
            $0.password = "secret"
            $0.database = 3
        }
        let other = RedisWorld(server) { $0.password = "general" }
        world.keep(TestRecord())
        #expect(world.find(TestRecord()) != nil)
        #expect(other.find(TestRecord()) == nil)
    }

    @Test(
        "A wrong or missing password, or a database that isn't there, is a state with its reason", arguments: [0, 1, 2])
    func refuses(fault: Int) throws {
        let server = try RedisServer(["--requirepass", "secret"])
        let world = RedisWorld(server, awaitsUp: false) {
            if fault != 1 { $0.password = fault == 0 ? "wrong" : "secret" }
            if fault == 2 { $0.database = 99 }
        }
        let expected: StoreTrouble = [.wrongPassword, .passwordRequired, .noSuchDatabase][fault]
        world.work { world.trouble == expected }
        #expect(world.redis.figures.connectFailures >= 1)
    }

    @Test("TCP works by address and by name")
    func connectsByTCP() throws {
        let port = freePort()
        let server = try RedisServer(["--port", String(port), "--bind", "127.0.0.1"])
        for host in ["127.0.0.1", "localhost"] {
            var settings = RedisSettings(place: .tcp(host: host, port: port), prefix: "test:")
            settings.timeoutMilliseconds = 5000
            let world = RedisWorld(settings, resolver: Resolver())
            world.keep(TestRecord(keyText: host))
            #expect(world.find(TestRecord(keyText: host)) != nil)
        }
        withExtendedLifetime(server) {}
    }

    @Test("If no server is listening, the state has the reason and lookups fail at once")
    func nobodyThere() {
        let world = RedisWorld(RedisSettings(place: .unix(path: "/nonexistent/redis.sock")), awaitsUp: false)
        world.work { world.trouble == .connectFailed }
        let collector = AnswerCollector()
        let start = world.redis.lookup(
            TestRecord().key, keyText: "x".utf8.span, now: world.now, receiver: collector, token: 1)
        guard case .failed(.connectFailed) = start else {
            Issue.record("\(start)")
            return
        }
        world.redis.store(TestRecord().key, TestRecord().make(), now: world.now)
        #expect(world.redis.figures.droppedStores == 1)
        world.redis.remove([TestRecord().key], receiver: collector, token: 2)
        #expect(collector.removals.isEmpty)
        world.work { !collector.removals.isEmpty }
        #expect(collector.removals.first?.trouble == .connectFailed)
        #expect(collector.results.isEmpty)
    }

    /// A port that was free a moment ago.
    private func freePort() -> UInt16 {
        let descriptor = try! listeningSocket(on: SocketAddress(numericHost: "127.0.0.1", port: 0)!, reusePort: false)
        defer { close(descriptor) }
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
        }
        return UInt16(bigEndian: address.sin_port)
    }
}

@Suite("Redis store: when Redis fails", .enabled(if: RedisServer.isInstalled))
struct RedisFailureTests {
    private func begin(
        _ world: RedisWorld, _ collector: AnswerCollector, keyText: String = TestRecord().keyText, token: UInt64 = 1
    ) -> LookupStart {
        world.redis.lookup(
            CacheKey(standInFor: keyText), keyText: keyText.utf8.span, now: world.now, receiver: collector, token: token
        )
    }

    @Test("If the server is killed, waiting lookups fail, and hits resume by themselves after it is restarted")
    func restarts() throws {
        let server = try RedisServer()
        let world = RedisWorld(server)
        world.keep(TestRecord())
        #expect(world.find(TestRecord()) != nil)
        server.stop()
        let collector = AnswerCollector()
        if case .pending = begin(world, collector) {
            world.work { !collector.results.isEmpty }
            guard case .failed(.connectionLost) = collector.results[0].result else {
                Issue.record("\(collector.results)")
                return
            }
        }
        world.work { world.trouble == .connectFailed }
        guard case .down(_, let since) = world.redis.state else { return }
        #expect(abs(world.now - since) < 5000)
        try server.start()
        world.work { world.isUp }
        world.keep(TestRecord())
        #expect(world.find(TestRecord()) != nil)
        #expect(world.redis.figures.connects == 2)
    }

    @Test(
        "A hanging server costs pending lookups one time-out, and later ones nothing; service resumes by itself"
    )
    func hangs() throws {
        let server = try RedisServer()
        let world = RedisWorld(server) {
            $0.timeoutMilliseconds = 250
            $0.hangMilliseconds = 20_000
        }
        world.keep(TestRecord())
        #expect(world.find(TestRecord()) != nil)
        server.hang()
        let collector = AnswerCollector()
        let start = MonotonicTime.now()
        for token in 0..<10 { _ = begin(world, collector, token: UInt64(token)) }
        world.work { collector.results.count == 10 }
        let waited = MonotonicTime.now().milliseconds(since: start)
        #expect(waited >= 240)
        #expect(waited < 1500)
        #expect(world.redis.figures.timeouts == 10)
        #expect(world.trouble == .commandTimedOut)
        guard case .failed(.commandTimedOut) = begin(world, collector) else {
            Issue.record("a lookup was begun while the store is known to hang")
            return
        }
        server.goOn()
        world.work { world.isUp }
        // The connection was kept, and its late replies were discarded.
        #expect(world.redis.figures.connects == 1)
        #expect(collector.results.count == 10)
        #expect(world.find(TestRecord())?.id == 7)
    }

    @Test("The connection to a server that hangs for too long is closed, and reopened when the server resumes")
    func hangsLong() throws {
        let server = try RedisServer()
        let world = RedisWorld(server) {
            $0.timeoutMilliseconds = 100
            $0.connectTimeoutMilliseconds = 200
            $0.hangMilliseconds = 200
        }
        server.hang()
        let collector = AnswerCollector()
        _ = begin(world, collector)
        world.work { world.trouble == .connectTimedOut }
        #expect(world.redis.figures.disconnects == 1)
        server.goOn()
        world.work { world.isUp }
        world.keep(TestRecord())
        world.settle()
        #expect(world.redis.figures.connects == 2)
    }

    @Test(
        "With a full server that evicts nothing, reads are served and writes of any size are discarded until there is room again"
    )
    func fillsUp() throws {
        let server = try RedisServer(["--maxmemory-policy", "noeviction"])
        let world = RedisWorld(server)
        world.keep(TestRecord())
        #expect(world.find(TestRecord()) != nil)
        server.ask("CONFIG", "SET", "maxmemory", "1")
        world.keep(TestRecord(keyText: "second"))
        world.work { world.trouble == .outOfMemory }
        #expect(world.redis.figures.droppedStores == 1)
        #expect(world.find(TestRecord()) != nil)
        world.keep(TestRecord(keyText: "third"))
        #expect(world.redis.figures.droppedStores == 2)
        #expect(world.remove([TestRecord().key]) == 1)
        server.ask("CONFIG", "SET", "maxmemory", "0")
        // Detected even with nothing to store.
        world.work { world.isUp }
        let fourth = TestRecord(keyText: "fourth", body: patternedBody(200_000))
        world.redis.store(fourth.key, fourth.make(), now: world.now)
        world.work { world.redis.uploads == 0 }
        #expect(world.find(TestRecord(keyText: "fourth", body: patternedBody(200_000))) != nil)
        server.ask("CONFIG", "SET", "maxmemory", "1")
        let dropped = world.redis.figures.droppedStores
        world.keep(TestRecord(keyText: "fifth", body: patternedBody(900_000)))
        #expect(world.redis.figures.droppedStores == dropped + 1)
        server.ask("CONFIG", "SET", "maxmemory", "0")
        #expect(server.ask("KEYS", "*upload*") == "")
    }

    @Test("A read-only replica serves reads, and the state says why it accepts no writes")
    func readOnly() throws {
        let server = try RedisServer()
        let world = RedisWorld(server)
        world.keep(TestRecord())
        #expect(world.find(TestRecord()) != nil)
        server.ask("REPLICAOF", "127.0.0.1", "1")
        world.keep(TestRecord())
        world.work { world.trouble == .readOnly }
        #expect(world.find(TestRecord()) != nil)
        let collector = AnswerCollector()
        world.redis.remove([TestRecord().key], receiver: collector, token: 1)
        world.work { !collector.removals.isEmpty }
        #expect(collector.removals.first?.trouble == .readOnly)
    }

    @Test("A removal that Redis can't take is carried out once it can, and nothing is lost")
    func keepsRemovals() throws {
        let server = try RedisServer()
        let world = RedisWorld(server)
        world.keep(TestRecord())
        server.ask("REPLICAOF", "127.0.0.1", "1")
        world.redis.remove([TestRecord().key], receiver: nil, token: 0)
        world.work { world.undelivered.figures.waiting == 1 }
        #expect(server.ask("EXISTS", TestRecord().key.redisKey) == "1")
        server.ask("REPLICAOF", "NO", "ONE")
        world.work { world.isUp && world.undelivered.figures.waiting == 0 }
        world.work { server.ask("EXISTS", TestRecord().key.redisKey) == "0" }
        #expect(world.undelivered.figures == UndeliveredFigures(waiting: 0, kept: 1, lost: 0))
    }

    @Test("A removal that Redis refuses for good is counted as lost, and not tried again")
    func losesRemovals() throws {
        let server = try RedisServer(["--user", "larder", "on", ">secret", "~*", "+@all", "-unlink"])
        let world = RedisWorld(server) {
            $0.user = "larder"
            $0.password = "secret"
        }
        let collector = AnswerCollector()
        world.redis.remove([TestRecord().key], receiver: collector, token: 1)
        world.work { !collector.removals.isEmpty }
        #expect(
            world.undelivered.figures
                == UndeliveredFigures(waiting: 0, kept: 0, lost: 1, refused: 1, refusal: .notPermitted))
    }

    @Test("A missing permission to read is a state with its reason, not a failure of each request")
    func notPermitted() throws {
        let server = try RedisServer(["--user", "larder", "on", ">secret", "~*", "+@all", "-getrange"])
        let world = RedisWorld(server) {
            $0.user = "larder"
            $0.password = "secret"
        }
        let collector = AnswerCollector()
        _ = begin(world, collector)
        world.work { !collector.results.isEmpty }
        #expect(world.trouble == .notPermitted)
        #expect(collector.results.count == 1)
    }

    @Test("Large reads beyond their limit are refused, and the others complete")
    func boundsLargeReads() throws {
        let server = try RedisServer()
        let world = RedisWorld(server) { $0.largeReadLimit = 2 }
        let body = patternedBody(1_000_000)
        for number in 0..<5 { world.keep(TestRecord(keyText: "\(number)", body: body)) }
        let collector = AnswerCollector()
        for number in 0..<5 { _ = begin(world, collector, keyText: "\(number)", token: UInt64(number)) }
        world.work { collector.results.count == 5 }
        let hits = collector.results.count {
            if case .hit(let found) = $0.result { found.bodyArray == body } else { false }
        }
        #expect(hits == 2)
        #expect(world.redis.figures.refusedLookups == 3)
    }

    @Test("A server that is loading fails lookups at once, and serves when it has loaded")
    func loads() throws {
        // While it loads, it looks at its clients once in two megabytes.
        let server = try RedisServer(["--key-load-delay", "2000", "--rdbcompression", "no"])
        let world = RedisWorld(server)
        world.keep(TestRecord())
        server.ask("EVAL", "for number = 1, 300 do redis.call('SET', 'key:' .. number, ('x'):rep(100000)) end", "0")
        server.ask("SAVE")
        try server.restartWithoutWaiting()
        world.work { world.trouble == .loading }
        let collector = AnswerCollector()
        guard case .failed(.loading) = begin(world, collector) else {
            Issue.record("a lookup was begun while the server loads")
            return
        }
        world.work { world.isUp }
        #expect(world.find(TestRecord()) != nil)
    }

    @Test("A changed password is the reason once the connection is reopened")
    func passwordChanges() throws {
        let server = try RedisServer(["--requirepass", "old"])
        let world = RedisWorld(server) { $0.password = "old" }
        server.ask("-a", "old", "CONFIG", "SET", "requirepass", "new")
        server.ask("-a", "new", "CLIENT", "KILL", "TYPE", "normal")
        world.work { world.trouble == .wrongPassword }
        server.ask("-a", "new", "CONFIG", "SET", "requirepass", "old")
        world.work { world.isUp }
    }

    @Test("Lookups beyond the limit on waiting commands are refused, and the others get their results")
    func boundsWaiting() throws {
        let server = try RedisServer()
        let world = RedisWorld(server) { $0.waitingLimit = 50 }
        let collector = AnswerCollector()
        var refused = 0
        for token in 0..<80 {
            let start = begin(world, collector, keyText: "\(token)", token: UInt64(token))
            if case .failed(.tooManyWaiting) = start { refused += 1 }
        }
        #expect(refused == 30)
        world.work { collector.results.count == 50 }
        #expect(world.redis.figures.refusedLookups == 30)
        #expect(world.find(TestRecord()) == nil)
    }

    @Test("Writes are discarded before lookups when the output backs up")
    func boundsOutput() throws {
        let server = try RedisServer()
        let world = RedisWorld(server) { $0.outputLimit = 256 << 10 }
        for number in 0..<20 {
            let record = TestRecord(keyText: "\(number)", body: patternedBody(20_000))
            world.redis.store(record.key, record.make(), now: world.now)
        }
        #expect(world.redis.figures.droppedStores > 0)
        #expect(world.redis.figures.droppedStores < 20)
        #expect(world.find(TestRecord(keyText: "0", body: patternedBody(20_000))) != nil)
        #expect(world.find(TestRecord(keyText: "19")) == nil)
    }

    @Test("A thousand lookups in one turn get their results in order over one connection")
    func pipelines() throws {
        let server = try RedisServer()
        let world = RedisWorld(server)
        for number in 0..<500 {
            let record = TestRecord(keyText: "text \(number)", id: UInt64(number))
            world.redis.store(record.key, record.make(), now: world.now)
        }
        let large = TestRecord(keyText: "text 500", id: 500, body: patternedBody(600_000))
        world.keep(large)
        world.work { world.redis.figures.stores == 501 }
        let collector = AnswerCollector()
        for number in 0..<1000 {
            let text = "text \(number)"
            _ = world.redis.lookup(
                CacheKey(standInFor: text), keyText: text.utf8.span, now: world.now, receiver: collector,
                token: UInt64(number))
        }
        world.work { collector.results.count == 1000 }
        var hits = 0
        for (token, result) in collector.results {
            guard case .hit(let response) = result else { continue }
            hits += 1
            #expect(response.id == token)
        }
        #expect(hits == 501)
        // All but the large one stay in order.
        let order = collector.results.map(\.token).filter { $0 != 500 }
        #expect(order == order.sorted())
    }

    @Test("While a record of 8 MiB is transferred, small lookups are served between its pieces")
    func largeRecordsGiveWay() throws {
        let server = try RedisServer()
        let world = RedisWorld(server)
        let large = TestRecord(keyText: "large", body: patternedBody(8 << 20))
        world.keep(TestRecord())
        world.redis.store(large.key, large.make(), now: world.now)
        let collector = AnswerCollector()
        _ = begin(world, collector)
        world.work { !collector.results.isEmpty }
        #expect(world.redis.figures.stores < 2)
        world.work { world.redis.figures.stores == 2 }
        let others = AnswerCollector()
        _ = world.redis.lookup(large.key, keyText: "large".utf8.span, now: world.now, receiver: others, token: 100)
        _ = begin(world, others, token: 1)
        world.work { others.results.count == 2 }
        #expect(others.results.map(\.token) == [1, 100])
    }
}
