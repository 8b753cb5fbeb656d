import Foundation
import TestSupport
import Testing

// A path's rule of No-Vary-Search as it comes, changes and goes: whatever the daemon takes the rule to be, it never answers
// with what another query, or an earlier state, was answered with.

@Suite("No-Vary-Search: rules that change")
struct SearchRuleTests {
    let scene: StandardsScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try StandardsScene.shared.get() }

    /// A path that answers with a number and its query, and whose field is set as the test goes.
    private func script(_ rule: Locked<String?>, status: @escaping @Sendable (String) -> Int = { _ in 200 }) -> String {
        origin.script { [origin] exchange in
            let path = exchange.request.path
            let query = String(exchange.request.target.dropFirst(path.count))
            var fields = ["Cache-Control: max-age=60"]
            if let value = rule.withLock({ $0 }) { fields.append("No-Vary-Search: \(value)") }
            try exchange.respond(status(query), fields, body: "\(origin.count(for: path)) \(query)")
        }
    }

    @Test("Another rule: what the first one took for the same is asked for anew", arguments: Backend.both)
    func changed(_ backend: Backend) throws {
        let larder = scene[backend]
        let rule = Locked<String?>("params=(\"utm\")")
        let path = script(rule)
        try larder.fill(path + "?id=1&utm=a")
        #expect(try larder.get(path + "?id=1&utm=b").xCache == "HIT")
        rule.withLock { $0 = "params=(\"ref\")" }
        try larder.fill(path + "?id=2&ref=a")
        #expect(try larder.get(path + "?id=2&ref=b").xCache == "HIT")
        let other = try larder.fill(path + "?id=1&utm=b")
        #expect(other.xCache == "MISS" && other.text == "3 ?id=1&utm=b")
        #expect(try !larder.isStored(path + "?id=1&utm=c"))
    }

    @Test("No rule any more: queries match exactly again", arguments: Backend.both)
    func removed(_ backend: Backend) throws {
        let larder = scene[backend]
        let rule = Locked<String?>("except=()")
        let path = script(rule)
        try larder.fill(path + "?a=1")
        #expect(try larder.get(path + "?a=2").xCache == "HIT")
        rule.withLock { $0 = nil }
        let renewed = try larder.get(path + "?a=3", ["Cache-Control: no-cache"])
        #expect(renewed.text == "2 ?a=3")
        try #require(eventually { try larder.isStored(path + "?a=3") })
        #expect(try !larder.isStored(path + "?a=4"))
        #expect(try larder.fill(path + "?a=1").text == "3 ?a=1")
    }

    @Test("A failure without the field leaves the path's rule, and answers nothing else", arguments: Backend.both)
    func failures(_ backend: Backend) throws {
        let larder = scene[backend]
        let rule = Locked<String?>("params=(\"utm\")")
        let path = origin.script { exchange in
            let query = exchange.request.target.dropFirst(exchange.request.path.count)
            let control = "Cache-Control: max-age=60"
            if query.contains("id=0") { return try exchange.respond(404, [control], body: "none") }
            try exchange.respond(200, [control, "No-Vary-Search: \(rule.withLock { $0 ?? "" })"], body: "\(query)")
        }
        try larder.fill(path + "?id=1&utm=a")
        #expect(try larder.get(path + "?id=0&utm=a").status == 404)
        #expect(try larder.get(path + "?id=0&utm=b").xCache == "MISS")
        if backend == .memory { #expect(try larder.get(path + "?id=0&utm=a").xCache == "HIT") }
        #expect(try larder.get(path + "?id=1&utm=b").xCache == "HIT")
    }

    @Test("What was stored before this process knew the rule may have been invalidated meanwhile, and isn't used")
    func unknown() throws {
        let first = scene[.redis]
        let second = try scene.stage.larder(
            LarderConfiguration(
                upstreams: "origin: \(origin.url)", routes: StandardsScene.routes,
                store: "backend: redis\nredis: \(scene.redis.url)\nprefix: \"standards:\"\ntimeout: 20s"))
        let path = script(Locked("params=(\"utm\")"))
        try first.fill(path + "?id=1&utm=a")
        // The second one can't tell which place an equivalent query has.
        #expect(try second.request("POST", path + "?id=1&utm=a", body: [120]).status == 200)
        try second.fill(path + "?id=2")
        let response = try second.get(path + "?id=1&utm=a")
        #expect(response.xCache == "MISS" && response.text == "4 ?id=1&utm=a")
    }

    @Test("A purge by URL reaches what is stored for its equivalents", arguments: Backend.both)
    func purged(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = script(Locked("params=(\"utm\")"))
        try larder.fill(path + "?id=1&utm=a", ["Host: api.example"])
        let url = "http://api.example\(path)?id=1&utm=b"
        let body = Array("{\"urls\":[\"\(url)\"]}".utf8)
        let answer = try larder.admin("POST", "/purge", ["Content-Type: application/json"], body: body)
        #expect(answer.status == 200)
        #expect(try larder.get(path + "?id=1&utm=a", ["Host: api.example"]).text == "2 ?id=1&utm=a")
    }
}

@Suite("RFC 9110 §7.6.1: a client can't hide from the origin what the key says")
struct HiddenFieldTests {
    let scene: StandardsScene

    init() throws { scene = try StandardsScene.shared.get() }

    @Test("A field named by Connection is no part of the variant that is stored", arguments: Backend.both)
    func variants(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = scene.origin.script { exchange in
            try exchange.respond(
                200, ["Cache-Control: max-age=60", "Vary: X-Tone"], body: exchange.request["X-Tone"] ?? "plain")
        }
        #expect(try larder.get(path, ["X-Tone: loud", "Connection: x-tone"]).text == "plain")
        #expect(try larder.get(path, ["X-Tone: loud"]).text == "loud")
        #expect(try larder.get(path).text == "plain")
    }

    @Test("Nor of a template's key", arguments: Backend.both)
    func templates(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = scene.origin.script("/strict/t") { exchange in
            try exchange.respond(200, body: exchange.request["X-Plan"] ?? "none")
        }
        #expect(try larder.get(path, ["X-Plan: gold", "Connection: X-Plan"]).text == "none")
        #expect(try larder.get(path, ["X-Plan: gold"]).text == "gold")
    }

    @Test("Nor can a second parameter of one name tell the origin something else", arguments: Backend.both)
    func parameters(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = scene.origin.script("/strict/t") { try $0.respond(200, body: $0.request.target) }
        let twice = try larder.get(path + "?page=2&page=3")
        #expect(twice.xCache == "BYPASS" && twice.text == path + "?page=2&page=3")
        #expect(try larder.get(path + "?page=2").text == path + "?page=2")
    }
}

@Suite("No-Vary-Search and requests that share a fetch")
struct SharedSearchTests {
    let scene: ProtectionScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try ProtectionScene.shared.get() }

    /// Answers with the query once the gate is on, and with the field as long as there is one.
    private func script(_ gate: Switch, _ rule: Locked<String?>) -> String {
        origin.script { exchange in
            if exchange.request.target.contains("id=2") { gate.awaitOn() }
            var fields = ["Cache-Control: max-age=60"]
            if let value = rule.withLock({ $0 }) { fields.append("No-Vary-Search: \(value)") }
            let query = exchange.request.target.dropFirst(exchange.request.path.count)
            try exchange.respond(200, fields, body: "\(query)")
        }
    }

    /// Asks for several queries while the first one's answer is held back; what each was answered with.
    private func ask(_ larder: LarderProcess, _ path: String, _ queries: [String], _ gate: Switch) throws -> [String] {
        let before = origin.count(for: path)
        let leader = try Asking(larder, path + queries[0])
        #expect(eventually { origin.count(for: path) == before + 1 })
        let waiters = try queries.dropFirst().map { try Asking(larder, path + $0) }
        try larder.awaitReading(waiters)
        gate.turnOn()
        return try [leader.response().text] + waiters.map { try $0.response().text }
    }

    @Test(
        "Those that wait for the first answer of a path are served by it, though it has another key than they asked by",
        arguments: ProtectionScene.backends)
    func first(_ backend: Backend) throws {
        let gate = Switch()
        let path = script(gate, Locked("params=(\"utm\")"))
        let queries = [String](repeating: "?id=2&utm=a", count: 8)
        #expect(try ask(scene[backend], path, queries, gate) == queries)
        #expect(origin.count(for: path) == 1)
    }

    @Test("Once the rule is known, equivalent queries share one fetch", arguments: ProtectionScene.backends)
    func known(_ backend: Backend) throws {
        let gate = Switch()
        let path = script(gate, Locked("params=(\"utm\")"))
        _ = try scene[backend].get(path + "?id=1")
        let queries = (0..<8).map { "?id=2&utm=\($0)" }
        #expect(try ask(scene[backend], path, queries, gate) == [String](repeating: queries[0], count: 8))
        #expect(origin.count(for: path) == 2)
    }

    @Test(
        "If the answer takes the rule back, only those that asked for the same query are served by it",
        arguments: ProtectionScene.backends, [nil, "params=(\"ref\")"])
    func takenBack(_ backend: Backend, _ next: String?) throws {
        let gate = Switch()
        let rule = Locked<String?>("params=(\"utm\")")
        let path = script(gate, rule)
        _ = try scene[backend].get(path + "?id=1")
        rule.withLock { $0 = next }
        let queries = ["a", "b", "a", "c", "a"].map { "?id=2&utm=\($0)" }
        #expect(try ask(scene[backend], path, queries, gate) == queries)
    }
}
