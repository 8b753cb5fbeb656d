import Foundation
import TestSupport
import Testing

// What the caching suites share: one origin, one Redis, a daemon for every backend, and routes with every kind of key.

/// A store behind a daemon, and what its configuration says.
enum Backend: String, CaseIterable, CustomTestStringConvertible, Sendable {
    case memory, redis, tiered
    var testDescription: String { rawValue }

    /// The `store` section of a daemon's file. Those that share one Redis keep apart by their prefix.
    func section(_ redis: RedisServer, memory: String = "64MiB", prefix: String? = nil, further: String = "") -> String
    {
        let common = "backend: \(rawValue)\nmemory: \(memory)\n\(further)"
        if self == .memory { return common }
        return common + "\nredis: \(redis.url)\nprefix: \"\(prefix ?? rawValue):\"\ntimeout: 20s"
    }
}

extension Stage {
    /// A daemon for each backend.
    func larders(
        _ backends: [Backend], _ configuration: (Backend) throws -> LarderConfiguration
    ) throws -> [Backend: LarderProcess] {
        var daemons: [Backend: LarderProcess] = [:]
        for backend in backends { daemons[backend] = try larder(try configuration(backend)) }
        return daemons
    }
}

/// One daemon a backend, all before the same origin, and one Redis.
final class CachingScene: Sendable {
    static let shared = Result { try CachingScene() }

    let stage = Stage.shared()
    let origin: ScriptedOrigin
    let redis: RedisServer
    private let daemons: [Backend: LarderProcess]

    init() throws {
        let origin = try stage.origin()
        let redis = try stage.redis()
        self.origin = origin
        self.redis = redis
        daemons = try stage.larders(Backend.allCases) { backend in
            LarderConfiguration(
                upstreams: "origin: \(origin.url)", routes: Self.routes,
                store: backend.section(redis, further: "object: 256KiB"))
        }
    }

    subscript(_ backend: Backend) -> LarderProcess { daemons[backend]! }

    static let routes = """
        - path: /{rest...}
          upstream: origin
          cache:
            client_control: honour
            methods: [GET, HEAD]
        - path: /timed/{rest...}
          upstream: origin
          cache:
            client_control: honour
            timeout: 60s
        - path: /forced/{rest...}
          upstream: origin
          cache:
            client_control: honour
            timeout: 60s
            mode: force
        - path: /content/{rest...}
          upstream: origin
          cache:
            client_control: honour
            methods: [GET, POST, QUERY]
            post: reads
            timeout: 60s
        - path: /keyed/{id}
          upstream: origin
          cache:
            client_control: honour
            timeout: 60s
            key: item:{id}:{query.page|1}
        - path: /tenants/{id}
          upstream: origin
          cache:
            timeout: 60s
            key: tenant:{header.x-tenant}:{id}:{query.page|1}
        - path: /ignoring/{rest...}
          upstream: origin
          cache:
            client_control: honour
            timeout: 60s
            query: ignore
        - path: /exact/{rest...}
          upstream: origin
          cache:
            client_control: honour
            timeout: 60s
            query: exact
        - path: /denying/{rest...}
          upstream: origin
          cache:
            client_control: honour
            timeout: 60s
            query_deny: [utm_*]
        - path: /deaf/{rest...}
          upstream: origin
          cache:
            timeout: 60s
        - path: /plain/{rest...}
          upstream: origin
        """
}

extension CachingScene {
    /// Asks three times and expects the origin to have been asked as often, and no answer to be a HIT.
    func expectNotStored(_ larder: LarderProcess, _ path: String, _ fields: [String] = []) throws {
        let before = origin.count(for: path)
        for _ in 0..<3 {
            let response = try larder.get(path, fields)
            #expect(response.xCache != "HIT", "\(response.raw.text)")
        }
        #expect(origin.count(for: path) == before + 3)
    }

    /// A path whose answers say how many there were.
    func numbered(_ prefix: String = "/t", _ fields: [String] = ["Cache-Control: max-age=60"]) -> String {
        origin.script(prefix) { [origin] exchange in
            let count = origin.count(for: exchange.request.path)
            try exchange.respond(200, fields, body: "answer \(count)")
        }
    }
}
