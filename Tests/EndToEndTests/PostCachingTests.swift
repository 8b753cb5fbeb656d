import Foundation
import TestSupport
import Testing

// What a POST does, each one does; unless the route, or the response itself, says that it reads.

@Suite("RFC 9110 §9.3.3: a POST runs, unless it is known to read")
struct PostCachingTests {
    let scene: SafeDefaultsScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try SafeDefaultsScene.shared.get() }

    private func counting(_ prefix: String, _ fields: [String] = [], gate: Switch? = nil) -> String {
        origin.script(prefix) { [origin] exchange in
            try exchange.readBody()
            gate?.awaitOn()
            try exchange.respond(
                200, fields, body: "\(exchange.request.method) \(origin.count(for: exchange.request.path))")
        }
    }

    private func post(
        _ larder: LarderProcess, _ path: String, _ content: String = "x=1", _ fields: [String] = [],
        method: String = "POST"
    ) throws -> Response {
        try larder.request(method, path, fields, body: Array(content.utf8))
    }

    @Test("Three equal POSTs run three times on a route with timeout", .tags(.must), arguments: Backend.both)
    func runs(_ backend: Backend) throws {
        let larder = scene[backend]
        for prefix in ["/writes/t", "/t"] {
            let path = counting(prefix)
            for number in 1...3 {
                let response = try post(larder, path)
                #expect(response.text == "POST \(number)" && response.xCache != "HIT")
                if prefix != "/t" { #expect(try response.cacheStatus.detail == "post", "\(response.summary)") }
            }
        }
    }

    @Test("Equal POSTs at one moment all run", .tags(.must), arguments: Backend.both)
    func together(_ backend: Backend) throws {
        let larder = scene[backend]
        for fields in [[], ["Cache-Control: max-age=60"]] {
            let gate = Switch()
            let path = counting("/writes/t", fields, gate: gate)
            let clients = try (0..<4).map { _ in
                let client = try larder.client()
                try client.send(RawClient.request("POST", path, body: Array("x=1".utf8)))
                return client
            }
            // None waits for another's response.
            #expect(eventually { origin.count(for: path) == 4 })
            gate.turnOn()
            let texts = try clients.map { try $0.readResponse().text }
            #expect(texts.count == 4 && texts.allSatisfy { $0.hasPrefix("POST ") })
            for client in clients { client.close() }
        }
    }

    @Test(
        "A lifetime of the response's own holds, and nobody repeats the POST in the background", .tags(.choice),
        arguments: Backend.both)
    func explicit(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = counting("/writes/t", ["Cache-Control: max-age=60", "ETag: \"1\""])
        #expect(try post(larder, path).text == "POST 1")
        #expect(try eventually { try post(larder, path).xCache == "HIT" })
        let count = origin.count(for: path)
        // early_refresh: 100% would have each of these begin one.
        for _ in 0..<20 { #expect(try post(larder, path).xCache == "HIT") }
        #expect(try post(larder, path, "x=2").xCache == "MISS")
        #expect(origin.count(for: path) == count + 1)
        let stale = counting("/writes/t", ["Cache-Control: max-age=1", "Age: 1", "ETag: \"1\""])
        for number in 1...3 { #expect(try post(larder, stale).text == "POST \(number)") }
        // RFC 9110 §13.1.2: a condition would have the origin refuse it.
        #expect(origin.requests(for: stale).allSatisfy { $0["If-None-Match"] == nil })
    }

    @Test("post: reads says that they read; QUERY does by definition", .tags(.choice), arguments: Backend.both)
    func reads(_ backend: Backend) throws {
        let larder = scene[backend]
        for (prefix, method) in [("/reads/t", "POST"), ("/writes/t", "QUERY")] {
            let path = counting(prefix)
            #expect(try post(larder, path, method: method).text == "\(method) 1")
            #expect(try eventually { try post(larder, path, method: method).xCache == "HIT" })
            #expect(try post(larder, path, "x=1", ["Content-Type: a/b"], method: method).xCache == "MISS")
            #expect(try post(larder, path, "x=1", ["Content-Encoding: br"], method: method).xCache == "MISS")
        }
        // A read changes nothing that is stored.
        let path = counting("/reads/t")
        _ = try larder.get(path)
        try larder.awaitHit(path)
        _ = try post(larder, path)
        #expect(try larder.get(path).xCache == "HIT")
        // Somebody's own reads are still somebody's own.
        #expect(try post(larder, path, "x=1", ["Cookie: a=b"]).xCache != "HIT")
    }

    @Test("graphql: on caches query operations and nothing else", .tags(.choice), arguments: Backend.both)
    func graphQL(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = counting("/graphql/t")
        let json = ["Content-Type: application/json"]
        func ask(_ content: String) throws -> Response { try post(larder, path, content, json) }
        let query = #"{"query":"query A($id: ID!) { task(id: $id) { name } }","variables":{"id":7}}"#
        #expect(try ask(query).xCache == "MISS")
        #expect(try eventually { try ask(query).xCache == "HIT" })
        let spaced = #"{ "variables": { "id": 7 }, "query": "query A($id: ID!) { task(id: $id) { name } }" }"#
        #expect(try ask(spaced).xCache == "HIT")
        #expect(try ask(query.replacingOccurrences(of: "7", with: "8")).xCache == "MISS")
        for content in [#"{"query":"mutation { pay(amount: 10) { id } }"}"#, "[\(query)]", "{"] {
            let count = origin.count(for: path)
            for _ in 0..<3 {
                let response = try ask(content)
                #expect(response.xCache == "BYPASS")
                #expect(try response.cacheStatus.detail == "graphql")
            }
            #expect(origin.count(for: path) == count + 3)
        }
    }

    @Test(
        "A template without {method} never has a POST answered with a stored GET", .tags(.must), arguments: Backend.both
    )
    func template(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = counting("/template/t", ["Cache-Control: max-age=60"])
        _ = try larder.get(path)
        try larder.awaitHit(path)
        for body: [UInt8]? in [nil, [], Array("q".utf8)] {
            #expect(try larder.request("POST", path, body: body).text.hasPrefix("POST "))
            #expect(try larder.awaitHit(path).text.hasPrefix("GET "))
        }
    }
}

@Suite("Event streams are each subscriber's own")
struct EventStreamTests {
    let scene: SafeDefaultsScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try SafeDefaultsScene.shared.get() }

    @Test(
        "A lifetime of the route's is not for them: not stored, not shared, not waited for", .tags(.must),
        arguments: Backend.both, ["text/event-stream", "multipart/x-mixed-replace; boundary=a"])
    func own(_ backend: Backend, _ type: String) throws {
        let larder = scene[backend]
        for prefix in ["/t", "/forced/t"] {
            let gate = Switch()
            let count = Locked(0)
            let path = origin.script(prefix) { exchange in
                let number = count.withLock { number in
                    number += 1
                    return number
                }
                try exchange.send("HTTP/1.1 200 OK\r\nContent-Type: \(type)\r\nTransfer-Encoding: chunked\r\n\r\n")
                try exchange.send("8\r\nstream \(number)\r\n")
                gate.awaitOn()
                try exchange.send("0\r\n\r\n")
            }
            let subscribers = try larder.ask(path, times: 3)
            #expect(eventually { origin.count(for: path) == 3 })
            gate.turnOn()
            #expect(Set(try subscribers.map { try $0.response().text }) == ["stream 1", "stream 2", "stream 3"])
            let late = try larder.get(path)
            #expect(late.text == "stream 4" && late.xCache == "MISS")
            #expect(try late.cacheStatus.detail == "stream" || late.cacheStatus.detail == "unshared", "\(late.summary)")
        }
    }

    @Test("Who asks for events waits for nobody's head", .tags(.must), arguments: Backend.both)
    func waitsForNobody(_ backend: Backend) throws {
        let gate = Switch()
        let path = origin.script { exchange in
            gate.awaitOn()
            try exchange.respond(200, ["Content-Type: text/event-stream"], body: "data: 1\n\n")
        }
        let subscribers = try scene[backend].ask(path, times: 3, ["Accept: text/event-stream"])
        // Before any head has come.
        #expect(eventually { origin.count(for: path) == 3 })
        gate.turnOn()
        for subscriber in subscribers { #expect(try subscriber.response().text == "data: 1\n\n") }
    }
}
