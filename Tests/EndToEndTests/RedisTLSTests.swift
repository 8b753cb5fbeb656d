import Foundation
import TestSupport
import Testing

// TLS to Redis: everything that goes over a plain connection goes over an encrypted one, and one that can't be trusted isn't used.

@Suite("TLS to Redis")
struct RedisTLSTests {
    /// A Redis that speaks TLS, and an origin whose responses are cached.
    private struct Scene {
        let authority: TestAuthority
        let redis: RedisServer
        let origin: ScriptedOrigin

        init(
            _ stage: Stage, certificate: CertificatePaths? = nil, asksClients: Bool = false, options: [String] = []
        ) throws {
            let scene = try TLSScene.shared.get()
            authority = scene.authority
            redis = try stage.redis(
                password: "pass-word", options: options,
                tls: RedisCredentials(
                    certificate ?? scene.certificate, authority: authority.certificate, asksClients: asksClients))
            let large = String(repeating: "x", count: 3_000_000)
            origin = try stage.origin { exchange in
                let isLarge = exchange.request.target.hasPrefix("/large")
                try exchange.respond(200, ["Cache-Control: max-age=600"], body: isLarge ? large : "small")
            }
        }

        /// - Parameters:
        ///   - tls: of the store; by default the authority is believed.
        ///   - url: by default that of Redis's TLS port.
        func larder(
            _ stage: Stage, _ backend: Backend = .redis, tls: String? = nil, url: String? = nil,
            timeout: String = "5s"
        ) throws -> LarderProcess {
            var configuration = LarderConfiguration.caching(origin.url)
            let keys = tls ?? "{ca: \(authority.certificate)}"
            configuration.store =
                "backend: \(backend.rawValue)\nredis: \(url ?? redis.tlsURL)\ntimeout: \(timeout)"
                + (keys.isEmpty ? "" : "\ntls: \(keys)")
            return try stage.larder(configuration)
        }
    }

    private func awaitUp(_ larder: LarderProcess) throws {
        #expect(
            try eventually(within: 20) { try larder.redisState == "up" && larder.exchangesPurges() },
            "\(larder.storeStats)")
    }

    /// It serves without Redis and says why.
    private func expectRefusal(_ larder: LarderProcess, _ reason: String, line: String? = nil) throws {
        #expect(
            try eventually(within: 20) { try larder.redisReason?.contains(reason) == true }, "\(larder.storeStats)")
        #expect(try larder.redisState == "down")
        #expect(try larder.get("/small").text == "small")
        if let line {
            let text = "TLS with Redis at 127.0.0.1:"
            #expect(
                eventually(within: 10) {
                    larder.process.standardError.split(whereSeparator: \.isNewline).contains {
                        $0.contains(text) && $0.contains("failed: \(line)")
                    }
                }, "\(larder.process.standardError)")
        }
    }

    @Test(
        "HITs, large records, a DEL by another program and a purge, by two instances over TLS",
        arguments: [Backend.redis, .tiered])
    func serves(_ backend: Backend) throws {
        try Stage.run { stage in
            let scene = try Scene(stage)
            let (one, other) = (try scene.larder(stage, backend), try scene.larder(stage, backend))
            try awaitUp(one)
            try awaitUp(other)
            for path in ["/small", "/large"] {
                try one.awaitHit(path)
                let hit = try other.get(path)
                #expect(hit["X-Cache"] == "HIT" && hit.body.count == (path == "/small" ? 5 : 3_000_000))
            }
            let key = try one.redisKey("GET", "http://api.example/small")
            #expect(try scene.redis.command("DEL", key) == .integer(1))
            for larder in [one, other] {
                #expect(try eventually(within: 20) { try larder.get("/small")["X-Cache"] == "HIT" })
            }
            #expect(eventually(within: 20) { scene.origin.count(for: "/small") == 2 })
            let response = try one.admin("POST", "/purge", body: Array("{\"all\": true}".utf8))
            #expect(response.status == 200 && response.text.contains("2"))
            #expect(try other.get("/large")["X-Cache"] == "MISS")
        }
    }

    @Test("With memory before Redis, Redis tells of changes over TLS")
    func tracks() throws {
        try Stage.run { stage in
            let scene = try Scene(stage)
            let larder = try scene.larder(stage, .tiered)
            try awaitUp(larder)
            #expect(try eventually(within: 20) { try larder.stats()["store"]["tracking"]["state"].string == "up" })
            try larder.awaitHit("/small")
            let key = try larder.redisKey("GET", "http://api.example/small")
            #expect(
                try eventually(within: 20) {
                    _ = try larder.get("/small")
                    return try larder.figure("store", "memory", "lookup_hits") > 0
                })
            #expect(try scene.redis.command("DEL", key) == .integer(1))
            #expect(
                try eventually(within: 20) {
                    _ = try larder.get("/small")
                    return scene.origin.count(for: "/small") == 2
                })
        }
    }

    @Test("Many records at once: none is stuck in what was decrypted already")
    func crowd() throws {
        try Stage.run { stage in
            let scene = try Scene(stage)
            let larder = try scene.larder(stage)
            try awaitUp(larder)
            for number in 0..<20 { try larder.awaitHit("/large\(number)") }
            let outcomes = Locked<[Int]>([])
            DispatchQueue.concurrentPerform(iterations: 20) { number in
                for _ in 0..<3 {
                    let count = (try? larder.get("/large\(number)"))?.body.count ?? 0
                    outcomes.withLock { $0.append(count) }
                }
            }
            #expect(outcomes.withLock { $0 } == Array(repeating: 3_000_000, count: 60))
        }
    }

    @Test("A Redis that is killed and comes back is connected to again")
    func comesBack() throws {
        try Stage.run { stage in
            let scene = try Scene(stage)
            let larder = try scene.larder(stage)
            try awaitUp(larder)
            try larder.awaitHit("/small")
            scene.redis.kill()
            #expect(try eventually(within: 20) { try larder.redisState == "down" })
            #expect(try larder.get("/small").text == "small")
            try scene.redis.start()
            try awaitUp(larder)
            try larder.awaitHit("/small")
        }
    }

    @Test(
        "A certificate of an unknown authority, for another name, or expired isn't believed, and nothing is sent without TLS"
    )
    func untrusted() throws {
        let authority = try TLSScene.shared.get().authority
        let elsewhere = try authority.issue("redis-elsewhere", names: ["b.test"])
        let old = try authority.issue("redis-old", names: ["127.0.0.1"], days: -9 ..< -1)
        let cases: [(tls: String?, certificate: CertificatePaths?, reason: String, line: String)] = [
            ("", nil, "no authority that is believed", "self-signed certificate in certificate chain"),
            (nil, elsewhere, "for another name", "IP address mismatch"),
            (nil, old, "has expired", "certificate has expired"),
        ]
        for (tls, certificate, reason, line) in cases {
            try Stage.run { stage in
                let scene = try Scene(stage, certificate: certificate)
                let larder = try scene.larder(stage, tls: tls)
                try expectRefusal(larder, reason, line: line)
                #expect(try larder.figure("store", "remote", "bytes_sent") == 0)
            }
        }
    }

    @Test("`server_name` and `verify: off` change what is believed")
    func settings() throws {
        let authority = try TLSScene.shared.get().authority
        let elsewhere = try authority.issue("redis-named", names: ["b.test"])
        for tls in ["{ca: \(authority.certificate), server_name: b.test}", "{verify: off}"] {
            try Stage.run { stage in
                let scene = try Scene(stage, certificate: elsewhere)
                let larder = try scene.larder(stage, tls: tls)
                try awaitUp(larder)
                try larder.awaitHit("/small")
            }
        }
    }

    @Test("A Redis that asks for a certificate gets it; without one, or with another authority's, it refuses")
    func clientCertificate() throws {
        let authority = try TLSScene.shared.get().authority
        let own = try authority.issue("larder-at-redis", names: ["larder"])
        let foreign = try TestAuthority("Another").issue("larder-foreign", names: ["larder"])
        let ca = authority.certificate
        try Stage.run { stage in
            let scene = try Scene(stage, asksClients: true)
            let welcome = try scene.larder(stage, tls: "{ca: \(ca), cert: \(own.chain), key: \(own.key)}")
            try awaitUp(welcome)
            try welcome.awaitHit("/small")
            try expectRefusal(try scene.larder(stage), "wants a certificate")
            try expectRefusal(
                try scene.larder(stage, tls: "{ca: \(ca), cert: \(foreign.chain), key: \(foreign.key)}"),
                "wants a certificate")
        }
        try Stage.run { stage in
            // With TLS 1.2, it refuses within the handshake, and without saying why.
            let scene = try Scene(stage, asksClients: true, options: ["--tls-protocols", "TLSv1.2"])
            try expectRefusal(
                try scene.larder(stage), "TLS with the store failed", line: "sslv3 alert handshake failure")
        }
    }

    @Test("A Redis without TLS on that port, and one with TLS where none is spoken, are told apart")
    func mixedUp() throws {
        try Stage.run { stage in
            let scene = try Scene(stage)
            let secure = try scene.larder(
                stage, url: scene.redis.url.replacing("redis://", with: "rediss://"), timeout: "100ms")
            try expectRefusal(secure, "its URL begins with redis")
            let plain = try scene.larder(
                stage, tls: "", url: scene.redis.tlsURL.replacing("rediss://", with: "redis://"))
            try expectRefusal(plain, "its URL begins with rediss")
        }
    }

    @Test("What changes on disk is used by connections from the next reload on; those that are open go on")
    func reloads() throws {
        try Stage.run { stage in
            let scene = try Scene(stage)
            let stranger = try TestAuthority("Stranger")
            let path = "\(try TemporaryFolder.make("redis-ca"))/ca.pem"
            try FileManager.default.copyItem(atPath: stranger.certificate, toPath: path)
            let larder = try scene.larder(stage, tls: "{ca: \(path)}")
            try expectRefusal(larder, "no authority that is believed")
            try FileManager.default.removeItem(atPath: path)
            try FileManager.default.copyItem(atPath: scene.authority.certificate, toPath: path)
            larder.signal(SIGHUP)
            try awaitUp(larder)
            let connects = try larder.figure("store", "remote", "connects")
            try FileManager.default.removeItem(atPath: path)
            try FileManager.default.copyItem(atPath: stranger.certificate, toPath: path)
            #expect(try larder.admin("POST", "/reload").status == 200)
            try larder.awaitHit("/small")
            #expect(try larder.redisState == "up" && larder.figure("store", "remote", "connects") == connects)
            scene.redis.kill()
            try scene.redis.start()
            try expectRefusal(larder, "no authority that is believed")
        }
    }

    @Test("A cluster is found and used over TLS, its other nodes too")
    func cluster() throws {
        try Stage.run { stage in
            let scene = try TLSScene.shared.get()
            let set = try stage.cluster(
                password: "pass-word",
                tls: RedisCredentials(scene.certificate, authority: scene.authority.certificate))
            let origin = try stage.origin { try $0.respond(200, ["Cache-Control: max-age=600"], body: "small") }
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.store =
                "backend: tiered\nredis: \(set.url(of: [set.nodes[1]]))\ntimeout: 5s\ntls: {ca: \(scene.authority.certificate)}"
            let larder = try stage.larder(configuration)
            try awaitUp(larder)
            for number in 0..<30 { try larder.awaitHit("/\(number)") }
        }
    }

    @Test("The master that sentinels name is found and used over TLS, also after a failover")
    func sentinels() throws {
        try Stage.run { stage in
            let scene = try TLSScene.shared.get()
            let set = try stage.sentinels(
                tls: RedisCredentials(scene.certificate, authority: scene.authority.certificate))
            let origin = try stage.origin { try $0.respond(200, ["Cache-Control: max-age=600"], body: "small") }
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.store =
                "backend: redis\nredis: \(set.url)\ntimeout: 5s\ntls: {ca: \(scene.authority.certificate)}"
            let larder = try stage.larder(configuration)
            try awaitUp(larder)
            try larder.awaitHit("/small")
            try set.failOver()
            #expect(eventually(within: 30) { set.agree(on: set.second) })
            try awaitUp(larder)
            try larder.awaitHit("/other")
            #expect(try set.second.command("DBSIZE").int ?? 0 > 0)
        }
    }
}
