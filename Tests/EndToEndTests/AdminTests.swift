import Foundation
import TestSupport
import Testing

// The admin listener: figures, entries, purges, reloads, and the token before them.

@Suite("The admin listener", .serialized)
struct AdminTests {
    static let shared = Result {
        try Scene { origin in
            var configuration = LarderConfiguration.caching(origin)
            configuration.admin = "token: s3cret-of-the-admin"
            return configuration
        }
    }
    static let token = "Authorization: Bearer s3cret-of-the-admin"
    let scene: Scene
    var larder: LarderProcess { scene.larder }

    init() throws { scene = try Self.shared.get() }

    private func admin(_ method: String, _ target: String, _ fields: [String] = [], body: String? = nil) throws
        -> Response
    {
        try larder.admin(method, target, [Self.token] + fields, body: body.map { Array($0.utf8) })
    }

    /// A path that is a HIT.
    private func stored() throws -> String {
        let path = scene.origin.script(200, ["Cache-Control: max-age=600"], body: "stored")
        try larder.awaitHit(path)
        return path
    }

    @Test("Health and readiness are one line each, without a token as well")
    func health() throws {
        for path in ["/healthz", "/readyz"] {
            let response = try larder.admin("GET", path)
            #expect(response.status == 200)
            #expect(response.text.split(separator: "\n").count == 1)
        }
    }

    @Test("Without the token everything but health is refused, and a wrong one helps nobody")
    func token() throws {
        for path in ["/stats", "/metrics", "/config", "/cache?key=x"] {
            #expect(try larder.admin("GET", path).status == 401, "\(path)")
            #expect(try larder.admin("GET", path, ["Authorization: Bearer wrong"]).status == 401)
            #expect(try larder.admin("GET", path, ["Authorization: Bearer s3cret-of-the-adminx"]).status == 401)
        }
        #expect(try larder.admin("POST", "/purge", body: Array(#"{"urls":["http://a/"]}"#.utf8)).status == 401)
        #expect(try larder.admin("POST", "/reload").status == 401)
        #expect(try admin("GET", "/stats").status == 200)
    }

    @Test("Metrics are valid Prometheus text")
    func metrics() throws {
        _ = try stored()
        let response = try admin("GET", "/metrics")
        #expect(response.status == 200)
        #expect(response["Content-Type"]?.hasPrefix("text/plain") == true)
        var types: [String: String] = [:]
        var series: Set<String> = []
        let sample =
            /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\.)*"(?:,[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\.)*")*\})? (-?[0-9.eE+-]+|NaN|[+-]Inf)$/
        for line in response.text.split(separator: "\n").map(String.init) {
            if line.hasPrefix("# TYPE ") {
                let parts = line.split(separator: " ")
                #expect(
                    parts.count == 4 && ["counter", "gauge", "histogram", "summary"].contains(String(parts[3])),
                    "\(line)")
                #expect(types[String(parts[2])] == nil, "declared twice: \(line)")
                types[String(parts[2])] = String(parts[3])
            } else if !line.hasPrefix("#") {
                let match = try #require(line.wholeMatch(of: sample), "\(line)")
                let name = String(match.1)
                let family = ["_bucket", "_sum", "_count"].reduce(name) {
                    types[$0] == nil && $0.hasSuffix($1) ? String($0.dropLast($1.count)) : $0
                }
                #expect(types[family] != nil, "no TYPE before \(line)")
                #expect(series.insert(name + String(match.2 ?? "")).inserted, "twice: \(line)")
            }
        }
        #expect(types.count > 5)
        #expect(types.keys.allSatisfy { $0.hasPrefix("larder_") || $0.hasPrefix("process_") })
    }

    @Test("Stats are JSON, and requests and hits count")
    func stats() throws {
        func hits() throws -> Int { try JSON(parsing: admin("GET", "/stats").body)["outcomes"]["hit"].int ?? -1 }
        let path = try stored()
        let before = try hits()
        for _ in 0..<5 { #expect(try larder.get(path).xCache == "HIT") }
        #expect(before >= 0)
        #expect(try eventually { try hits() >= before + 5 })
        let names = try JSON(parsing: admin("GET", "/stats").body).keys
        for name in ["routes", "upstreams", "store", "workers"] { #expect(names.contains(name), "\(names)") }
    }

    @Test("An entry is got, put and deleted by its key text")
    func cache() throws {
        let put = try admin(
            "PUT", "/cache?key=greeting", ["Content-Type: text/plain", "Cache-Control: max-age=60"], body: "hello")
        #expect((200..<300).contains(put.status), "\(put.raw.text)")
        let got = try admin("GET", "/cache?key=greeting")
        #expect(got.status == 200)
        #expect(got.text == "hello")
        #expect(got["Content-Type"] == "text/plain")
        #expect((200..<300).contains(try admin("DELETE", "/cache?key=greeting").status))
        #expect(try admin("GET", "/cache?key=greeting").status == 404)
    }

    @Test("What is put under a URL's key is what clients get")
    func putForClients() throws {
        let path = scene.origin.script(200, body: "from the origin")
        let key = try keyText("GET", "http://api.example\(path)")
        let escaped = key.addingPercentEncoding(withAllowedCharacters: .alphanumerics)!
        let put = try admin(
            "PUT", "/cache?key=\(escaped)", ["Content-Type: text/plain", "Cache-Control: max-age=60"], body: "put there"
        )
        #expect((200..<300).contains(put.status), "\(put.raw.text)")
        let response = try larder.get(path)
        #expect(response.xCache == "HIT")
        #expect(response.text == "put there")
        #expect((200..<300).contains(try admin("DELETE", "/cache?key=\(escaped)").status))
        #expect(try larder.get(path).text == "from the origin")
    }

    /// The key text that `larder key` prints: its longest line's part that starts with the method or is the template's.
    private func keyText(_ method: String, _ url: String) throws -> String {
        let output = try larder.command(["key", method, url]).output
        let line = output.split(separator: "\n").first { $0.contains("\(method) http://") }
        guard let line, let range = line.range(of: "\(method) http://") else {
            throw HarnessError("no key text in \(output)")
        }
        return String(line[range.lowerBound...])
    }

    @Test("A purge by URL makes the next request a MISS")
    func purge() throws {
        let path = try stored()
        let other = try stored()
        let response = try admin(
            "POST", "/purge", ["Content-Type: application/json"], body: #"{"urls":["http://api.example\#(path)"]}"#)
        #expect(response.status == 200, "\(response.raw.text)")
        #expect(try larder.get(path).xCache == "MISS")
        #expect(try larder.get(other).xCache == "HIT")
    }

    @Test(
        "A purge that is no JSON, or of nothing, is refused",
        arguments: ["", "{", "[]", #"{"urls":"x"}"#, #"{"urls":[1]}"#, "{}"])
    func faultyPurge(_ body: String) throws {
        #expect([400, 422].contains(try admin("POST", "/purge", body: body).status))
    }

    @Test("The effective file is shown without secrets")
    func configuration() throws {
        try Stage.run { stage in
            let redis = try stage.redis(password: "hidden-pass")
            var configuration = LarderConfiguration.caching(scene.origin.url)
            configuration.store = "backend: redis\nredis: \(redis.url)"
            configuration.admin = "token: hidden-token"
            let larder = try stage.larder(configuration)
            let response = try larder.admin("GET", "/config", ["Authorization: Bearer hidden-token"])
            #expect(response.status == 200)
            #expect(response.text.contains("upstreams"))
            #expect(response.text.contains("127.0.0.1:\(redis.port)"))
            #expect(!response.text.contains("hidden-pass") && !response.text.contains("hidden-token"))
        }
    }

    @Test("A reload of a good file is 200, of a faulty one 422 with every fault and its line")
    func reload() throws {
        try Stage.run { stage in
            let configuration = LarderConfiguration.caching(scene.origin.url)
            let larder = try stage.larder(configuration)
            #expect(try larder.admin("POST", "/reload").status == 200)
            try larder.write("server:\n  wrokers: 2\nroutes:\n  - path: nothing\n    upstream: nobody\n")
            let faulty = try larder.admin("POST", "/reload")
            #expect(faulty.status == 422)
            for word in ["wrokers", "workers", "nobody", ":2:"] {
                #expect(faulty.text.contains(word), "\(word) in \(faulty.text)")
            }
            #expect(try larder.get(scene.origin.script(200, body: "still here")).text == "still here")
        }
    }

    @Test("What isn't there is 404, a method that isn't 405")
    func unknown() throws {
        #expect(try admin("GET", "/nothing").status == 404)
        #expect(try admin("DELETE", "/stats").status == 405)
        #expect(try admin("GET", "/purge").status == 405)
    }

    @Test(
        "The main listener answers none of it",
        arguments: ["/healthz", "/readyz", "/metrics", "/stats", "/config", "/cache", "/purge", "/reload"])
    func mainListener(_ path: String) throws {
        // Everything goes to the origin, which knows no such path.
        let before = scene.origin.count(for: path)
        #expect(try larder.get(path).status == 404)
        #expect(scene.origin.count(for: path) == before + 1)
    }
}
