import TestSupport
import Testing

// A response whose second half is held back: whoever needs only what is there, or only the head, has it before the rest comes.

@Suite("RFC 9110 §13, §14, RFC 9111 §4: nobody waits for what isn't needed of a response that is arriving")
struct ArrivingResponseTests {
    let scene: CachingScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try CachingScene.shared.get() }

    private static let body = patterned(100_000)

    /// A path whose response holds its second half back; a range that is asked for is answered at once.
    private func path(_ gate: Switch, _ framing: Framing) -> String {
        let body = Self.body
        return origin.script { exchange in
            let fields = ["Cache-Control: max-age=60", "ETag: \"v1\""]
            if let range = exchange.request["Range"], range.hasSuffix("=-10") {
                let place = "Content-Range: bytes 99990-99999/100000"
                return try exchange.respond(206, fields + [place], bytes: Array(body.suffix(10)))
            }
            try exchange.send(framing.head(fields, count: body.count))
            try exchange.send(framing.piece(body[..<50_000]))
            gate.awaitOn(within: 20)
            try exchange.send(framing.piece(body[50_000...]) + Array(framing.end.utf8))
        }
    }

    /// Runs `check` while half of the response is there, and then sees that all of it has been stored by one request.
    private func whileArriving(
        _ backend: Backend, _ framing: Framing, begins first: [String] = [], requests: Int = 1,
        _ check: (LarderProcess, String, Head) throws -> Void
    ) throws {
        let larder = scene[backend]
        let gate = Switch()
        let path = path(gate, framing)
        defer { gate.turnOn() }
        let client = try larder.client(timeout: 15)
        try client.send(RawClient.request("GET", path, first))
        let head = try #require(try client.readHead())
        try check(larder, path, head)
        #expect(!gate.isOn)
        gate.turnOn()
        #expect(try larder.awaitHit(path, within: 20).body == Self.body)
        #expect(origin.count(for: path) == requests)
        withExtendedLifetime(client) {}
    }

    @Test(
        "Nothing is stored: a condition that holds has its 304 when the head is there, one that doesn't has the head",
        .tags(.must), arguments: Backend.allCases, Framing.allCases)
    func coldCondition(_ backend: Backend, _ framing: Framing) throws {
        try whileArriving(backend, framing, begins: ["If-None-Match: \"v1\""]) { _, _, head in
            #expect(head.startLine.hasPrefix("HTTP/1.1 304 ") && head["ETag"] == "\"v1\"")
        }
        try whileArriving(backend, framing, begins: ["If-None-Match: \"v0\""]) { _, _, head in
            #expect(head.startLine.hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test(
        "Who comes meanwhile with a condition, a HEAD or a range inside what has arrived is answered at once",
        .tags(.must), arguments: Backend.allCases, Framing.allCases)
    func meanwhile(_ backend: Backend, _ framing: Framing) throws {
        try whileArriving(backend, framing) { larder, path, _ in
            let known = try larder.get(path, ["If-None-Match: \"v1\""])
            #expect(known.status == 304 && known.body.isEmpty, "\(known.head)")
            let head = try larder.client().request("HEAD", path)
            #expect(head.status == 200 && head["ETag"] == "\"v1\"", "\(head.head)")
            #expect(head["Content-Length"] == (framing == .length ? "100000" : nil))
            let part = try larder.get(path, ["Range: bytes=100-199"])
            #expect(part.status == 206 && part.body == Array(Self.body[100..<200]), "\(part.head)")
            let length = framing == .length ? "100000" : "*"
            #expect(part["Content-Range"] == "bytes 100-199/\(length)")
        }
    }

    @Test(
        "A range that begins inside what has arrived has its head at once, and its bytes as they come", .tags(.must),
        arguments: Backend.allCases)
    func beginsInside(_ backend: Backend) throws {
        let larder = scene[backend]
        let gate = Switch()
        let path = path(gate, .length)
        defer { gate.turnOn() }
        let client = try larder.client(timeout: 15)
        try client.send(RawClient.request("GET", path))
        #expect(try client.readHead() != nil)
        let part = try larder.client(timeout: 15)
        try part.send(RawClient.request("GET", path, ["Range: bytes=40000-"]))
        var received: [UInt8] = []
        let response = try part.readResponse { piece in
            received += piece
            // What is there of it has come: now the rest.
            if received.count >= 10_000 { gate.turnOn() }
        }
        #expect(response.status == 206 && response.isComplete && received == Array(Self.body[40_000...]))
        #expect(origin.count(for: path) == 1)
    }

    @Test(
        "A range that hasn't arrived is asked for by itself before long, once for all that want it", .tags(.must),
        arguments: Backend.allCases,
        Framing.allCases)
    func behind(_ backend: Backend, _ framing: Framing) throws {
        try whileArriving(backend, framing, requests: 2) { larder, path, _ in
            for asking in try larder.ask(path, times: 6, ["Range: bytes=-10"]) {
                let part = try asking.response(within: 30)
                #expect(part.status == 206 && part.body == Array(Self.body.suffix(10)), "\(part.head)")
            }
        }
    }
}
