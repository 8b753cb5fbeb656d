import Foundation
import TestSupport
import Testing

// What the suites about header fields and `cache.bypass` share: a daemon for memory and one for Redis, behind a proxy that they
// trust, so that a request's X-Forwarded-For says who the client is.

final class FieldScene: Sendable {
    static let shared = Result { try FieldScene() }

    let stage = Stage.shared()
    let origin: ScriptedOrigin
    private let daemons: [Backend: LarderProcess]

    init() throws {
        let origin = try stage.origin()
        let redis = try stage.redis()
        self.origin = origin
        daemons = try stage.larders(Backend.both) { backend in
            LarderConfiguration(
                upstreams: "origin: \(origin.url)\ndead: http://127.0.0.1:1", routes: Self.routes,
                store: backend.section(redis, prefix: "fields-\(backend)"),
                server: "workers: 2\ndrain: 5s\ntrusted_proxies: [127.0.0.1]")
        }
    }

    subscript(_ backend: Backend) -> LarderProcess { daemons[backend]! }

    static let routes = """
        - path: /fields/{shop}/{rest...}
          upstream: origin
          request:
            set:
              X-Real-IP: "{client_ip}"
              X-Shop: "shop {shop}"
              X-Route: "{route} at {host}"
              X-Correlation: "{request_id}"
              X-Braces: "{{a}}"
            add: {X-Role: [guest, reader]}
            remove: [X-Secret, Cookie]
          response: &response
            set: {X-Frame-Options: DENY, X-For: "{client_ip}", X-Powered-By: Larder}
            add: {Link: "</a>; rel=next", Vary: Origin}
            remove: [Server, X-Debug, Expires]
          cache:
            timeout: 60s
        - path: /passed/{shop}/{rest...}
          upstream: origin
          response: *response
        - path: /stale/{shop}/{rest...}
          upstream: origin
          response: *response
          cache: {timeout: 1s, stale_while_revalidate: 60s}
        - path: /validated/{shop}/{rest...}
          upstream: origin
          response: *response
          cache: {timeout: 1s}
        - path: /dead/{rest...}
          upstream: dead
          response: *response
        - path: /told/{rest...}
          upstream: origin
          response: {cache_control: "public, max-age=60"}
          cache: {timeout: 600s, statuses: {404: 60s}}
        - path: /toldalone/{rest...}
          upstream: origin
          response: {cache_control: "private, max-age=60"}
        - path: /toldkeyed/{rest...}
          upstream: origin
          response: {cache_control: "public, max-age=60"}
          cache: {timeout: 600s, key: "{default}|{header.authorization|}|{header.x-api-key|}"}
        - path: /toldshort/{rest...}
          upstream: origin
          response: {cache_control: "public, max-age=60"}
          cache: {timeout: 1s, cookies: ignore, bypass: [cookie.session]}
        - path: /toldfew/{rest...}
          upstream: origin
          response: {cache_control: "public, max-age=60"}
          cache: {timeout: 60s, credentials: [X-User]}
        - path: /named/{lang}
          upstream: origin
          request: {set: {Accept-Language: "{lang}", Accept-Encoding: "{lang}"}}
          cache: {key: "named:{host}"}
        - path: /bypass/{rest...}
          upstream: origin
          cache:
            timeout: 60s
            cookies: ignore
            bypass: [cookie.session, cookie.login_*, header.x-preview, header.x-mode=draft, query.nocache, "query.v=2*"]
        """
}

extension FieldScene {
    /// A path whose responses say what the origin got of some fields, and have others of their own.
    func echo(_ prefix: String = "/fields/red/t", _ fields: [String] = [], asking names: [String] = []) -> String {
        origin.script(prefix) { exchange in
            let own = ["Server: secret/1", "X-Powered-By: secret", "X-Debug: secret", "ETag: \"v1\"", "Link: </own>"]
            let got = names.map { "\($0)=\(exchange.request.head.all($0).joined(separator: "|"))" }
            if exchange.request["If-None-Match"] == "\"v1\"" { return try exchange.respond(304, own + fields) }
            try exchange.respond(200, own + fields, body: got.joined(separator: "\n") + ".")
        }
    }

    /// What the origin got last for a path.
    func last(_ path: String) throws -> ReceivedRequest { try #require(origin.requests(for: path).last) }
}

func client(_ number: Int) -> String { "X-Forwarded-For: 192.0.2.\(number)" }
