import Foundation
import TestSupport
import Testing

// The daemons that are asked to explain, and the table of situations that a request can be in.

/// One situation: what was fetched before, what is asked then, and what is expected of the explanation.
struct ExplainSituation: Sendable, CustomTestStringConvertible {
    let name: String
    var method = "GET"
    var prefix = "/t/t"
    var origin: [String] = ["Cache-Control: max-age=60", "ETag: \"1\""]
    var isFilled = true
    var fields: [String] = []
    let verdict: String
    let reason: String
    var status: Int?
    var testDescription: String { name }

    static let all: [ExplainSituation] = [
        ExplainSituation(
            name: "no route", prefix: "/nowhere", isFilled: false, verdict: "REFUSED", reason: "no-route", status: 404),
        ExplainSituation(
            name: "ambiguous path", prefix: "/t/../t", isFilled: false, verdict: "REFUSED", reason: "invalid-path",
            status: 400),
        ExplainSituation(
            name: "route without cache", prefix: "/plain/t", isFilled: false, verdict: "BYPASS", reason: "route"),
        ExplainSituation(name: "method", method: "DELETE", isFilled: false, verdict: "BYPASS", reason: "method"),
        ExplainSituation(
            name: "conditions for the origin", fields: ["If-Match: \"1\""], verdict: "BYPASS",
            reason: "origin-conditions"
        ),
        ExplainSituation(name: "nothing stored", isFilled: false, verdict: "MISS", reason: "uri-miss"),
        ExplainSituation(name: "fresh", verdict: "HIT", reason: "hit"),
        ExplainSituation(name: "fresh, for HEAD", method: "HEAD", verdict: "HIT", reason: "hit"),
        ExplainSituation(
            name: "fresh, with a condition", fields: ["If-None-Match: \"1\""], verdict: "HIT", reason: "hit"),
        ExplainSituation(
            name: "stale with must-revalidate",
            origin: ["Cache-Control: max-age=0, must-revalidate", "ETag: \"1\""], verdict: "VALIDATE",
            reason: "must-revalidate"),
        ExplainSituation(
            name: "stale", origin: ["Cache-Control: max-age=0", "ETag: \"1\""], verdict: "VALIDATE", reason: "stale"),
        ExplainSituation(
            name: "stale without a validator", origin: ["Cache-Control: max-age=0, stale-if-error=60"], verdict: "MISS",
            reason: "stale"),
        ExplainSituation(
            name: "stale-while-revalidate", origin: ["Cache-Control: max-age=0, stale-while-revalidate=60"],
            verdict: "STALE", reason: "stale-while-revalidate"),
        ExplainSituation(
            name: "max-stale", origin: ["Cache-Control: max-age=0", "ETag: \"1\""],
            fields: ["Cache-Control: max-stale=60"], verdict: "STALE", reason: "request-max-stale"),
        ExplainSituation(
            name: "only-if-cached, nothing stored", isFilled: false, fields: ["Cache-Control: only-if-cached"],
            verdict: "REFUSED", reason: "only-if-cached", status: 504),
        ExplainSituation(
            name: "only-if-cached, fresh", fields: ["Cache-Control: only-if-cached"], verdict: "HIT", reason: "hit"),
        ExplainSituation(
            name: "another variant", origin: ["Cache-Control: max-age=60", "Vary: Accept-Language"],
            fields: ["Accept-Language: de"], verdict: "MISS", reason: "variant"),
        ExplainSituation(
            name: "Authorization", fields: ["Authorization: Bearer hidden-from-all"], verdict: "HIT", reason: "hit"),
        ExplainSituation(
            name: "Authorization, and the route's own lifetime", prefix: "/timed/t", origin: [],
            fields: ["Authorization: Bearer hidden-from-all"], verdict: "BYPASS", reason: "credentials"),
        ExplainSituation(
            name: "no-cache in the request", fields: ["Cache-Control: no-cache"], verdict: "VALIDATE",
            reason: "request-no-cache"),
        ExplainSituation(
            name: "a range of what is stored", fields: ["Range: bytes=1-2"], verdict: "HIT", reason: "hit"),
        ExplainSituation(
            name: "no-cache in the response", origin: ["Cache-Control: no-cache", "ETag: \"1\""], verdict: "VALIDATE",
            reason: "no-cache"),
    ]
}

/// A daemon for each backend before one origin, with routes of a few kinds. Those with Redis share one.
final class ExplainScene: Sendable {
    let stage = Stage.shared()
    let origin: ScriptedOrigin
    private let daemons: [Backend: LarderProcess]

    init() throws {
        let origin = try stage.origin()
        let redis = try stage.redis()
        self.origin = origin
        daemons = try stage.larders(Backend.allCases) { backend in
            LarderConfiguration(
                upstreams: "origin: \(origin.url)", routes: Self.routes,
                store: backend.section(redis, prefix: "larder"))
        }
    }

    subscript(_ backend: Backend) -> LarderProcess { daemons[backend]! }

    private static let routes = """
        - path: /t/{rest...}
          upstream: origin
          cache:
            client_control: honour
            methods: [GET, HEAD]
        - path: /timed/{rest...}
          upstream: origin
          cache:
            client_control: honour
            timeout: 60s
        - path: /early/{rest...}
          upstream: origin
          cache:
            client_control: honour
            early_refresh: 99%
        - path: /content/{rest...}
          upstream: origin
          cache:
            client_control: honour
            methods: [QUERY]
        - path: /plain/{rest...}
          upstream: origin
        """

    /// A path of the situation's own, whose answers carry its fields, or confirm what is stored.
    func path(_ situation: ExplainSituation) -> String {
        origin.script(situation.prefix) { exchange in
            let isKnown = exchange.request["If-None-Match"] == "\"1\""
            try exchange.respond(isKnown ? 304 : 200, situation.origin, body: isKnown ? "" : "content")
        }
    }

    /// A path that is always answered with these fields.
    func answering(_ fields: [String], at prefix: String = "/t/t") -> String {
        origin.script(prefix) { exchange in
            try exchange.readBody()
            try exchange.respond(200, fields, body: "content")
        }
    }

    func explain(_ larder: LarderProcess, _ path: String, _ situation: ExplainSituation) throws -> JSON {
        let answer = try larder.admin("GET", Self.target(situation.method, path, situation.fields))
        guard answer.status == 200 else { throw HarnessError(answer.raw.text) }
        return try answer.json()
    }

    func isStored(_ larder: LarderProcess, _ path: String) throws -> Bool {
        try larder.admin("GET", Self.target("GET", path, [])).json()["stored"].exists
    }

    static func target(_ method: String, _ path: String, _ fields: [String]) -> String {
        func encoded(_ text: String) -> String {
            text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        }
        let headers = fields.map { "&h=\(encoded($0))" }.joined()
        return "/explain?method=\(method)&url=\(encoded("http://api.example\(path)"))\(headers)"
    }
}
