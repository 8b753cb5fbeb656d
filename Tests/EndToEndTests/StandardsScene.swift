import Foundation
import TestSupport
import Testing

// What the suites of the caching standards share: one origin, a daemon for each of two stores, and a route for everything
// that a route can say about them. Nothing here waits for a lifetime to pass: what has to be stale arrives stale.

extension Backend {
    /// The stores that differ: where one of them answers at once and the other by a round trip.
    static let both: [Backend] = [.memory, .redis]
}

/// A daemon before memory and one before Redis, both before the same origin.
final class StandardsScene: Sendable {
    static let shared = Result { try StandardsScene() }

    /// `limits.variants` of both daemons.
    static let variants = 4

    let stage = Stage.shared()
    let origin: ScriptedOrigin
    let redis: RedisServer
    private let daemons: [Backend: LarderProcess]

    init() throws {
        let origin = try stage.origin()
        let redis = try stage.redis()
        self.origin = origin
        self.redis = redis
        daemons = try stage.larders(Backend.both) { backend in
            LarderConfiguration(
                upstreams: "origin: \(origin.url)", routes: Self.routes,
                store: backend.section(redis, prefix: "standards"),
                limits: "variants: \(Self.variants)")
        }
    }

    subscript(_ backend: Backend) -> LarderProcess { daemons[backend]! }

    static let routes = """
        - path: /{rest...}
          upstream: origin
          cache:
            client_control: honour
            methods: [GET, HEAD]
        - path: /plain/{rest...}
          upstream: origin
        - path: /timed/{rest...}
          upstream: origin
          cache:
            client_control: honour
            timeout: 60s
        - path: /heuristic/{rest...}
          upstream: origin
          cache:
            client_control: honour
            heuristic: 10%
            heuristic_cap: 1h
        - path: /statuses/{rest...}
          upstream: origin
          cache:
            client_control: honour
            timeout: 60s
            statuses: {404: 10s, 5xx: 5s}
        - path: /forced/{rest...}
          upstream: origin
          cache:
            client_control: honour
            timeout: 60s
            mode: force
            statuses: {404: 10s, 5xx: 5s}
        - path: /ladder/{rest...}
          upstream: origin
          cache:
            client_control: honour
            statuses:
              any: 300s
              4xx: 200s
              404: 100s
        - path: /types/{rest...}
          upstream: origin
          cache:
            client_control: honour
            timeout: 60s
            content_types: [application/json, "text/*"]
        - path: /quiet/{rest...}
          upstream: origin
          cache:
            client_control: honour
            timeout: 60s
            tags: remove
        - path: /strict/{id}
          upstream: origin
          cache:
            client_control: honour
            timeout: 60s
            key: item:{id}:{query.page|1}:{header.x-plan|none}:{cookie.theme|plain}
            strict: on
        - path: /lax/{id}
          upstream: origin
          cache:
            client_control: honour
            timeout: 60s
            key: item:{id}:{query.page|1}
        - path: /exact/{rest...}
          upstream: origin
          cache:
            client_control: honour
            query: exact
        - path: /query/{rest...}
          upstream: origin
          cache:
            client_control: honour
            methods: [GET, QUERY]
        - path: /deaf/{rest...}
          upstream: origin
          cache: {}
        """
}

extension StandardsScene {
    /// A path whose answers say how many there were.
    func numbered(_ prefix: String = "/t", _ fields: [String] = ["Cache-Control: max-age=60"], status: Int = 200)
        -> String
    {
        origin.script(prefix) { [origin] exchange in
            let count = origin.count(for: exchange.request.path)
            try exchange.respond(status, fields, body: "answer \(count)")
        }
    }

    /// Asks three times: none of the answers is from the store, nor said to be on its way there.
    func expectNotStored(_ larder: LarderProcess, _ target: String, _ fields: [String] = []) throws {
        let path = String(target.prefix { $0 != "?" })
        let before = origin.count(for: path)
        for _ in 0..<3 {
            let response = try larder.get(target, fields)
            let member = try response.cacheStatus
            #expect(!member.isStored && !member.isHit, "\(response.raw.text)")
        }
        #expect(origin.count(for: path) == before + 3, "\(target)")
    }
}

extension LarderProcess {
    /// Whether the store may answer, fresh or stale. The origin is not asked: `only-if-cached` says so.
    func isStored(_ target: String, _ fields: [String] = [], method: String = "GET", body: [UInt8]? = nil) throws
        -> Bool
    {
        let probe = fields + ["Cache-Control: only-if-cached, max-stale"]
        return try request(method, target, probe, body: body).status != 504
    }

    /// Asks once and waits until the store has the answer, which may be a moment after the client has it; the origin is
    /// asked once.
    @discardableResult
    func fill(_ target: String, _ fields: [String] = [], method: String = "GET", body: [UInt8]? = nil) throws
        -> Response
    {
        let response = try request(method, target, fields, body: body)
        // A worker has what it writes at hand before the store has it, and another one doesn't: so it is there several times.
        let isThere = try eventually {
            try (0..<4).allSatisfy { _ in try isStored(target, fields, method: method, body: body) }
        }
        guard isThere else { throw HarnessError("\(target) was not stored: \(response.raw.text)") }
        return response
    }

    /// What is left of a stored response's life, which is a HIT.
    func lifetimeLeft(_ target: String, _ fields: [String] = []) throws -> Int {
        let response = try get(target, fields)
        guard let left = try response.cacheStatus.timeToLive, response.xCache == "HIT" else {
            throw HarnessError("no HIT with a ttl: \(response.raw.text)")
        }
        return left
    }
}

/// Whether a lifetime is what was given, but for the moments since.
func isLifetime(_ left: Int, _ given: Int) -> Bool { ((given - 3)...given).contains(left) }

/// A date as HTTP writes it, so many seconds from now.
func httpDate(_ secondsFromNow: Double) -> String {
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(identifier: "GMT")
    formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
    return formatter.string(from: Date(timeIntervalSinceNow: secondsFromNow))
}
