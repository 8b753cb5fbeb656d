import Foundation
import TestSupport
import Testing

// Memory before a Redis Cluster: no copy outlives what was changed at whichever node has its key.

@Suite("Memory before a Redis Cluster is coherent", .serialized)
struct ClusterTrackingTests {
    private struct Scene {
        let set: ClusterSet
        private let counts: Locked<[String: Int]>
        let larders: [LarderProcess]

        /// - Parameter rights: of the user by whom Larder logs in, as ACL SETUSER takes them; without any, it doesn't log in.
        init(_ stage: Stage, replicas: Int = 0, spare: Int = 0, grace: String, rights: String? = nil) throws {
            let set = try stage.cluster(replicas: replicas, spare: spare)
            if let rights {
                let words = rights.split(separator: " ").map(String.init)
                for node in set.nodes {
                    let client = try RedisClient(.port(node.port))
                    _ = try client.command(["ACL", "SETUSER", "larder", "on", ">secret"] + words)
                }
            }
            let url = rights == nil ? set.url : set.url.replacing("cluster://", with: "cluster://larder:secret@")
            let counts = Locked<[String: Int]>([:])
            let origin = try stage.origin { exchange in
                let count = counts.withLock { counts in
                    counts[exchange.request.target, default: 0] += 1
                    return counts[exchange.request.target] ?? 0
                }
                try exchange.respond(200, ["Cache-Control: max-age=600"], body: "answer \(count)")
            }
            self.set = set
            self.counts = counts
            larders = try (0..<2).map { _ in
                var configuration = LarderConfiguration.caching(origin.url)
                configuration.store = "backend: tiered\nredis: \(url)\ntimeout: 5s\ngrace: \(grace)"
                return try stage.larder(configuration)
            }
            try awaitTracking()
        }

        func awaitTracking() throws {
            for larder in larders {
                #expect(
                    try eventually(within: 20) {
                        try larder.stats()["store"]["tracking"]["state"].string == "up" && larder.redisState == "up"
                            && larder.exchangesPurges()
                    }, "\(larder.storeStats)")
            }
        }

        /// How often the upstream was asked.
        func count(_ path: String) -> Int { counts.withLock { $0[path] ?? 0 } }

        func key(_ path: String) throws -> String { try larders[0].redisKey("GET", "http://api.example\(path)") }

        /// A path for each of the masters, whose key that one has.
        func paths() throws -> [String] {
            var paths: [UInt16: String] = [:]
            for number in 0..<100 where paths.count < 3 {
                paths[try set.master(of: key("/p\(number)")).port] = "/p\(number)"
            }
            return Array(paths.values)
        }

        /// Until both have it in memory.
        func warm(_ path: String) throws {
            for larder in larders {
                #expect(
                    try eventually(within: 20) {
                        let before = try larder.figure("store", "memory", "lookup_hits")
                        return try larder.get(path).xCache == "HIT"
                            && larder.figure("store", "memory", "lookup_hits") > before
                    }, "\(path): \(larder.storeStats)")
            }
        }

        /// Deletes the entry as another program does, and waits until nobody has the copy any more.
        func delete(_ path: String, at node: RedisServer) throws {
            var before = 0
            #expect(
                try eventually(within: 20) {
                    before = count(path)
                    return try larders.allSatisfy { try $0.get(path).text == "answer \(before)" }
                })
            #expect(try node.command("DEL", key(path)) == .integer(1))
            for larder in larders {
                #expect(try eventually(within: 20) { try larder.get(path).text == "answer \(before + 1)" }, "\(path)")
            }
        }
    }

    @Test("Each master's changes are heard: what another program deletes there is in no instance's memory before long")
    func changed() throws {
        try Stage.run { stage in
            // The copies would be used for a minute.
            let scene = try Scene(stage, grace: "60s")
            for path in try scene.paths() {
                try scene.warm(path)
                try scene.delete(path, at: scene.set.master(of: scene.key(path)))
            }
        }
    }

    @Test("A slot moves: copies begin afresh, and changes are heard at the node that has it now")
    func slotMoves() throws {
        try Stage.run { stage in
            let scene = try Scene(stage, spare: 1, grace: "60s")
            let path = "/moved"
            try scene.warm(path)
            let sessions = try scene.larders.map { try $0.figure("store", "tracking", "sessions") }
            let target = scene.set.nodes[3]
            try scene.set.move(scene.set.slot(of: scene.key(path)), to: target)
            for (larder, before) in zip(scene.larders, sessions) {
                #expect(
                    try eventually(within: 20) { try larder.figure("store", "tracking", "sessions") > before },
                    "\(larder.storeStats)")
            }
            try scene.awaitTracking()
            try scene.warm(path)
            #expect(scene.count(path) == 1, "the record moved with its slot")
            try scene.delete(path, at: target)
        }
    }

    @Test(
        "A slot is taken over without its keys, of which nobody tells: its copies are gone as soon as the nodes say so")
    func slotTakenOver() throws {
        try Stage.run { stage in
            let scene = try Scene(stage, grace: "600s")
            let path = "/taken"
            try scene.warm(path)
            let slot = try scene.set.slot(of: scene.key(path))
            let source = try scene.set.master(of: slot)
            let target = scene.set.nodes.first { $0.port != source.port }!
            try scene.set.beginMove(of: slot, to: target)
            try target.command("CLUSTER", "SETSLOT", "\(slot)", "NODE", target.command("CLUSTER", "MYID").bytes!.text)
            for larder in scene.larders {
                #expect(try eventually(within: 20) { try larder.get(path).text != "answer 1" }, "\(larder.storeStats)")
            }
            // While the nodes differed, each of the instances may have asked the upstream.
            func texts() throws -> Set<String> { try Set(scene.larders.map { try $0.get(path).text }) }
            #expect(try eventually(within: 20) { try texts().count == 1 })
            try scene.warm(path)
            let agreed = try texts()
            #expect(try target.command("DEL", scene.key(path)) == .integer(1))
            #expect(try eventually(within: 20) { try texts().isDisjoint(with: agreed) }, "not \(agreed)")
        }
    }

    @Test("A master is killed: copies are used for store.grace, and again once its replica has taken its place")
    func masterKilled() throws {
        try Stage.run { stage in
            let scene = try Scene(stage, replicas: 1, grace: "2s")
            let paths = try scene.paths()
            for path in paths { try scene.warm(path) }
            let victim = try scene.set.master(of: scene.key(paths[0]))
            victim.kill()
            for larder in scene.larders {
                #expect(
                    try eventually(within: 20) {
                        try larder.figure("store", "cluster", "changes") >= 1
                            && larder.stats()["store"]["tracking"]["state"].string == "up"
                            && larder.redisState == "up"
                    }, "\(larder.storeStats)")
            }
            try scene.awaitTracking()
            for path in paths {
                try scene.warm(path)
                try scene.delete(path, at: scene.set.master(of: scene.key(path)))
            }
        }
    }

    @Test("A user with the rights that docs/security.md names has all that Larder does with a cluster")
    func rights() throws {
        let page = try DocumentationPage("docs/security.md").text
        let line = try #require(page.split(separator: "\n").first { $0.hasPrefix("ACL SETUSER larder") })
        let part = try #require(page.components(separatedBy: "With `redis+cluster://`").last)
        let further = try #require(part.split(separator: "`").first { $0.hasPrefix("+") })
        let rights = line.split(separator: " ").dropFirst(5).joined(separator: " ") + " \(further)"
        try Stage.run { stage in
            let scene = try Scene(stage, spare: 1, grace: "60s", rights: rights)
            for path in try scene.paths() {
                try scene.warm(path)
                try scene.delete(path, at: scene.set.master(of: scene.key(path)))
            }
            // A removal where the key is being moved to.
            let path = "/moved"
            try scene.warm(path)
            let slot = try scene.set.slot(of: scene.key(path))
            try scene.set.beginMove(of: slot, to: scene.set.nodes[3])
            try scene.set.moveKeys(of: slot, to: scene.set.nodes[3])
            #expect(try scene.larders[0].request("PUT", path).status == 200)
            #expect(
                try eventually(within: 10) {
                    let client = try RedisClient(.port(scene.set.nodes[3].port))
                    _ = try client.command(["ASKING"])
                    return try client.command(["EXISTS", scene.key(path)]) == .integer(0)
                }, "\(scene.larders[0].storeStats)")
            for node in scene.set.nodes { #expect(try node.command("ACL", "LOG") == .array([])) }
        }
    }
}
