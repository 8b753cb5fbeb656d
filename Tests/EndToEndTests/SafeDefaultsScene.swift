import Foundation
import TestSupport
import Testing

// What the suites about safe defaults share: a daemon for memory and one for Redis, and routes that give lifetimes to an API
// that says nothing about caching.

final class SafeDefaultsScene: Sendable {
    static let shared = Result { try SafeDefaultsScene() }

    let stage = Stage.shared()
    let origin: ScriptedOrigin
    private let daemons: [Backend: LarderProcess]

    init() throws {
        let origin = try stage.origin()
        let redis = try stage.redis()
        self.origin = origin
        daemons = try stage.larders(Backend.both) { backend in
            LarderConfiguration(
                upstreams: "origin: \(origin.url)",
                routes: Self.routes.map { path, cache in
                    let lines = cache.map { "\n    \($0)" }.joined()
                    return "- path: \(path){rest...}\n  upstream: origin\n  cache:\(lines)"
                }.joined(separator: "\n"),
                store: backend.section(redis, prefix: "safe-\(backend)"))
        }
    }

    subscript(_ backend: Backend) -> LarderProcess { daemons[backend]! }

    private static let routes: [(path: String, cache: [String])] = [
        ("/", ["timeout: 60s"]),
        ("/declared/", ["methods: [GET, HEAD]"]),
        ("/forced/", ["timeout: 60s", "mode: force"]),
        ("/stale/", ["timeout: 1s", "stale_while_revalidate: 60s", "stale_if_error: 60s"]),
        ("/early/", ["timeout: 60s", "early_refresh: 100%"]),
        (
            "/callers/",
            ["timeout: 60s", "key: \"{default}|{header.authorization|-}|{cookie.sid|-}|{header.x-api-key|-}\""]
        ),
        ("/careless/", ["timeout: 60s", "cookies: ignore"]),
        ("/listed/", ["timeout: 60s", "credentials: [X-Session]"]),
        (
            "/writes/",
            ["timeout: 60s", "methods: [GET, HEAD, POST, QUERY]", "early_refresh: 100%", "stale_while_revalidate: 60s"]
        ),
        ("/reads/", ["timeout: 60s", "post: reads"]),
        ("/graphql/", ["timeout: 60s", "post: reads", "graphql: on"]),
        ("/template/", ["methods: [GET, POST]", "key: \"{path}|{body}\""]),
    ]
}

extension SafeDefaultsScene {
    /// A path whose responses tell who asked, and carry these fields; long enough for ranges.
    func whoami(_ prefix: String = "/t", _ fields: [String] = [], gate: Switch? = nil) -> String {
        origin.script(prefix) { exchange in
            gate?.awaitOn()
            try exchange.answerWho(fields)
        }
    }
}

/// Somebody with a credential in one of the fields that are credentials by default.
struct Session: Sendable, CustomTestStringConvertible {
    let field: String
    let name: String
    var fields: [String] { [field + name] }
    var testDescription: String { fields[0] }

    static let fields = ["Cookie: sid=", "Authorization: Bearer ", "X-Api-Key: ", "X-Auth-Token: "]
    static func several(_ field: String, _ count: Int) -> [Session] {
        (1...count).map { Session(field: field, name: "somebody-\($0)-") }
    }
}

extension Exchange {
    /// Names whoever asks, all over the content; a range of it where that is asked for.
    func answerWho(_ fields: [String] = []) throws {
        let who = ["Cookie", "Authorization", "X-Api-Key", "X-Auth-Token", "X-Session"].compactMap { request[$0] }
        let name = who.isEmpty ? "nobody" : who.joined(separator: " and ")
        let content = Array(String(repeating: "for \(name); ", count: 40).utf8)
        let ends = request["Range"]?.dropFirst("bytes=".count).split(separator: "-").compactMap { Int($0) } ?? []
        guard ends.count == 2 else { return try respond(200, fields + ["X-For: \(name)"], bytes: content) }
        let range = "Content-Range: bytes \(ends[0])-\(ends[1])/\(content.count)"
        try respond(206, fields + ["X-For: \(name)", range], bytes: Array(content[ends[0]...ends[1]]))
    }
}
