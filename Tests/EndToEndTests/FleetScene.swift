import Foundation
import TestSupport
import Testing

/// Three Larders, or as many as a test wants, before one origin, on one Redis.
struct FleetScene {
    let redis: RedisServer
    let origin: ScriptedOrigin
    let larders: [LarderProcess]

    /// - Parameters:
    ///   - store: further lines of that section.
    ///   - rights: of the user by whom Larder logs in to Redis, as ACL SETUSER takes them; without any, it doesn't log in.
    init(
        _ stage: Stage, _ backend: Backend = .redis, count: Int = 3, cache: String = "methods: [GET]",
        store: String = "", rights: String? = nil
    ) throws {
        let redis = try stage.redis()
        if let rights {
            let words = rights.split(separator: " ").map(String.init)
            let client = try RedisClient(.port(redis.port))
            #expect(try client.command(["ACL", "SETUSER", "larder", "on", ">secret"] + words) == .simple("OK"))
        }
        let url = rights == nil ? redis.url : redis.url.replacing("redis://", with: "redis://larder:secret@")
        let origin = try stage.origin()
        self.redis = redis
        self.origin = origin
        larders = try (0..<count).map { _ in
            var configuration = LarderConfiguration.caching(origin.url, cache: cache)
            configuration.store = "backend: \(backend.rawValue)\nredis: \(url)\ntimeout: 5s\n\(store)"
            return try stage.larder(configuration)
        }
        for larder in larders { #expect(try eventually { try larder.redisState == "up" }) }
    }

    func key(_ path: String) throws -> String { try larders[0].redisKey("GET", "http://api.example\(path)") }

    /// A path whose responses say how many there were, once the gate is open.
    func numbered(_ gate: Switch, _ fields: [String] = ["Cache-Control: max-age=600"], size: Int = 0) -> String {
        origin.script { [origin] exchange in
            let count = origin.count(for: exchange.request.path)
            gate.awaitOn()
            let body = "answer \(count) " + String(repeating: "x", count: size)
            try exchange.respond(200, fields, body: body)
        }
    }

    func figure(_ name: String) throws -> Int {
        try larders.map { try $0.figure("store", "remote", name) }.reduce(0, +)
    }
}
