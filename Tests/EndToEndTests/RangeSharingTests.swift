import TestSupport
import Testing

// Players and downloaders that ask for the same range at once: what the origin is asked, with each kind of validator and
// none, whether it answers ranges or sends all of it.

@Suite("RFC 9110 §14, RFC 9111 §4: requests for one range are one request to the origin")
struct RangeSharingTests {
    let scene: CachingScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try CachingScene.shared.get() }

    /// What the origin makes of a range.
    enum Answer: String, CaseIterable, CustomTestStringConvertible, Sendable {
        case part, whole
        var testDescription: String { rawValue }
    }

    static let answers = RangeKeepingTests.validators.flatMap { validator in Answer.allCases.map { (validator, $0) } }
    private static let body = patterned(50_000)

    /// The bytes that a request asks for, and how the origin says so.
    private static func range(_ value: String?) -> (bytes: ClosedRange<Int>, place: String)? {
        let ends = (value ?? "").dropFirst("bytes=".count).split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = Int(ends[0]) else { return nil }
        let last = Int(ends[1]) ?? body.count - 1
        return (first...last, "Content-Range: bytes \(first)-\(last)/\(body.count)")
    }

    /// A path whose responses wait for the gate.
    private func path(_ fields: [String], _ answer: Answer, _ gate: Switch) -> String {
        origin.script { exchange in
            gate.awaitOn(within: 20)
            guard answer == .part, let (bytes, place) = Self.range(exchange.request["Range"]) else {
                return try exchange.respond(200, fields, bytes: Self.body)
            }
            try exchange.respond(206, fields + [place], bytes: Array(Self.body[bytes]))
        }
    }

    /// Requests for one range that all wait for one response, the first of them before the others.
    private func storm(
        _ larder: LarderProcess, _ path: String, _ range: String, _ gate: Switch, _ count: Int
    ) throws -> [Asking] {
        let first = try Asking(larder, path, ["Range: \(range)"])
        #expect(eventually(within: 20) { origin.count(for: path) == 1 })
        let others = try larder.ask(path, times: count, ["Range: \(range)"])
        try larder.awaitReading(others)
        return [first] + others
    }

    /// Whether these are the bytes that were asked for; the first request is given what the origin sent.
    private func check(_ storm: [Asking], _ bytes: ClosedRange<Int>, _ answer: Answer) throws {
        for (number, asking) in storm.enumerated() {
            let response = try asking.response(within: 30)
            if number == 0 && answer == .whole && response.status == 200 {
                #expect(response.body == Self.body)
                continue
            }
            #expect(response.status == 206 && response.isComplete, "\(response.summary)")
            #expect(response.body == Array(Self.body[bytes]), "\(number): \(response.summary)")
            #expect(response["Content-Range"] == "bytes \(bytes.lowerBound)-\(bytes.upperBound)/\(Self.body.count)")
        }
    }

    @Test(
        "Nothing is stored: everything from the first byte on is fetched once", .tags(.choice),
        arguments: Backend.allCases, answers)
    func coldStorm(_ backend: Backend, _ origins: (validator: String, answer: Answer)) throws {
        let larder = scene[backend]
        let gate = Switch()
        defer { gate.turnOn() }
        let path = path(["Cache-Control: max-age=60", origins.validator], origins.answer, gate)
        let storm = try storm(larder, path, "bytes=0-", gate, 20)
        let whole = try Asking(larder, path)
        try larder.awaitReading([whole])
        gate.turnOn()
        try check(storm, 0...49_999, origins.answer)
        let response = try whole.response(within: 30)
        #expect(response.status == 200 && response.body == Self.body, "\(response.summary)")
        #expect(origin.count(for: path) == 1)
        // It was all of it: any request is a hit now.
        #expect(try larder.awaitHit(path, within: 20).body == Self.body)
        #expect(try larder.awaitHit(path, ["Range: bytes=10-19"], within: 20).body == Array(Self.body[10...19]))
        #expect(origin.count(for: path) == 1)
    }

    @Test(
        "Nothing is stored: one part is fetched once for those that ask for it, and another isn't held up",
        .tags(.choice),
        arguments: Backend.allCases, answers)
    func partStorm(_ backend: Backend, _ origins: (validator: String, answer: Answer)) throws {
        let larder = scene[backend]
        let gate = Switch()
        defer { gate.turnOn() }
        let path = path(["Cache-Control: max-age=60", origins.validator], origins.answer, gate)
        let storm = try storm(larder, path, "bytes=1000-1999", gate, 12)
        let another = try Asking(larder, path, ["Range: bytes=30000-30009"])
        #expect(eventually(within: 20) { origin.count(for: path) == 2 })
        gate.turnOn()
        try check(storm, 1000...1999, origins.answer)
        try check([another], 30_000...30_009, origins.answer)
        #expect(origin.count(for: path) == 2)
    }

    @Test("The one that began it leaves: the others have their bytes", .tags(.must), arguments: Backend.allCases)
    func leaderLeaves(_ backend: Backend) throws {
        let larder = scene[backend]
        let gate = Switch()
        defer { gate.turnOn() }
        let path = path(["Cache-Control: max-age=60"], .part, gate)
        let first = try larder.client()
        try first.send(RawClient.request("GET", path, ["Range: bytes=0-"]))
        #expect(eventually(within: 20) { origin.count(for: path) == 1 })
        let others = try larder.ask(path, times: 6, ["Range: bytes=0-"])
        try larder.awaitReading(others)
        first.close()
        gate.turnOn()
        try check(others, 0...49_999, .part)
        #expect(origin.count(for: path) == 1)
    }

    @Test(
        "A part that is for one client is given to no other, and each has its own", .tags(.must),
        arguments: Backend.allCases, ["Cache-Control: private, max-age=60", "Cache-Control: no-store"])
    func forOne(_ backend: Backend, _ control: String) throws {
        let larder = scene[backend]
        let gate = Switch()
        defer { gate.turnOn() }
        let path = origin.script { exchange in
            gate.awaitOn(within: 20)
            let user = exchange.request["X-User"] ?? "nobody"
            let place = "Content-Range: bytes 0-\(user.utf8.count - 1)/\(user.utf8.count)"
            try exchange.respond(206, [control, place], body: user)
        }
        let users = (0..<8).map { "user \($0)" }
        let asking = try users.map { try Asking(larder, path, ["Range: bytes=0-", "X-User: \($0)"]) }
        try larder.awaitReading(asking)
        gate.turnOn()
        for (user, asking) in zip(users, asking) {
            let response = try asking.response(within: 30)
            #expect(response.status == 206 && response.text == user, "\(response.summary)")
        }
        #expect(origin.count(for: path) == users.count)
    }

    @Test(
        "A part that breaks off ends what was begun, and the next request begins anew", .tags(.must),
        arguments: Backend.allCases)
    func brokenOff(_ backend: Backend) throws {
        let larder = scene[backend]
        let gate = Switch()
        defer { gate.turnOn() }
        let path = origin.script { [origin] exchange in
            guard origin.count(for: exchange.request.path) == 1 else {
                let (bytes, place) = try #require(Self.range(exchange.request["Range"]))
                return try exchange.respond(206, ["Cache-Control: max-age=60", place], bytes: Array(Self.body[bytes]))
            }
            try exchange.send(
                "HTTP/1.1 206 Partial\r\nCache-Control: max-age=60\r\nContent-Range: bytes 0-49999/50000\r\n"
                    + "Content-Length: 50000\r\n\r\n")
            try exchange.send(Array(Self.body[..<20_000]))
            gate.awaitOn(within: 20)
            exchange.reset()
        }
        let storm = try storm(larder, path, "bytes=0-", gate, 6)
        gate.turnOn()
        for asking in storm {
            // A client that hadn't begun may have a whole response.
            guard let response = try? asking.response(within: 30) else { continue }
            let isWhole = response.isComplete && response.status == 206
            #expect(
                isWhole ? response.body == Self.body : Self.body.starts(with: response.body) || response.status == 502)
        }
        let next = try larder.get(path, ["Range: bytes=0-"])
        #expect(next.status == 206 && next.body == Self.body, "\(next.summary)")
    }
}
