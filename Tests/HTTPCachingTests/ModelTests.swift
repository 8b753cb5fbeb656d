import Testing

@testable import HTTPCaching

/// Random messages, routes and clocks: the real code and the plain model must agree on every one.
@Suite("RFC 9111 against a plain model")
struct ModelTests {
    @Test("Storing and reusing agree with the model", arguments: 0..<4)
    func agree(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        var storedCount = 0
        for _ in 0..<1_000 {
            var scenario = Scenario(&random)
            let model = PlainModel.store(scenario.request, scenario.response, scenario.route, delay: scenario.delay)
            let real = storageVerdict(
                request: scenario.facts(of: scenario.request), response: scenario.responseFacts,
                policy: scenario.policy,
                requestTime: arrival + Seconds(-scenario.delay))
            #expect((real.facts != nil) == (model != nil), "\(scenario), \(real)")
            guard let model, case .store(let facts, let life) = real else { continue }
            storedCount += 1
            #expect(
                [facts.correctedInitialAge.count, facts.lifetime.count, life.count] == [
                    model.age, model.lifetime, model.life,
                ],
                "\(scenario)")
            for _ in 0..<6 {
                let later = scenario.laterRequest(&random)
                let seconds = scenario.clock(&random)
                let expected = PlainModel.reuse(model, later, scenario.route, after: seconds)
                let found = reuseVerdict(
                    stored: facts, request: scenario.facts(of: later), policy: scenario.policy,
                    now: arrival + Seconds(seconds))
                #expect(found.plain == expected, "\(scenario) later \(later) after \(seconds): \(found)")
            }
        }
        #expect(storedCount > 150)
    }
}

extension ReuseVerdict {
    fileprivate var plain: String {
        switch self {
        case .fresh: "fresh"
        case .stale: "stale"
        case .validate(_, _, let fallback):
            "validate" + (fallback.contains(.onDisconnect) ? " disconnect" : "")
                + (fallback.contains(.onError) ? " error" : "")
        case .bypass: "bypass"
        case .refuse: "504"
        }
    }
}

private struct Scenario {
    var request = PlainModel.Message()
    var response = PlainModel.Message()
    var route = PlainModel.Route()
    var delay: Int64

    init(_ random: inout SeededGenerator) {
        func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
        delay = chance(30) ? Int64.random(in: 0..<10, using: &random) : 0
        if chance(40) { route.timeout = Int64.random(in: 1..<100, using: &random) }
        route.honoursClients = !chance(20)
        route.allowsAuthorization = chance(20)
        route.allowsCookies = chance(20)
        if chance(20) { route.staleWhileRevalidate = 15 }
        if chance(20) { route.staleIfError = 25 }
        response.status =
            chance(70)
            ? 200 : [103, 204, 206, 299, 301, 302, 304, 404, 410, 412, 416, 500, 503].randomElement(using: &random)!
        if chance(4) { request.method = ["POST", "PUT", "get"].randomElement(using: &random)! }
        if chance(15) { request.fields["authorization"] = ["x"] }
        if chance(10) { response.fields["set-cookie"] = ["a=b"] }
        if chance(10) { response.fields["vary"] = [["*", "a, *", "a", "a, b"].randomElement(using: &random)!] }
        if chance(50) { response.fields["etag"] = ["\"a\""] }
        if chance(20) { response.fields["date"] = [String(Int64.random(in: -50..<50, using: &random))] }
        if chance(30) {
            response.fields["expires"] = (0..<(chance(20) ? 2 : 1)).map { _ in
                chance(20) ? "never" : String(Int64.random(in: -50..<150, using: &random))
            }
        }
        if chance(15) {
            response.fields["age"] = [
                ["0", "7", "30", "7, 99", "x", "-1", " 5 ", "99999999999999999999"].randomElement(using: &random)!
            ]
        }
        if chance(80) { response.fields["cache-control"] = Self.lines(Self.responseDirectives, &random) }
        if chance(15) { response.fields["cdn-cache-control"] = Self.targeted(&random) }
        if chance(10) { response.fields["larder-cache-control"] = Self.targeted(&random) }
        if chance(20) { request.fields["cache-control"] = Self.lines(Self.requestDirectives, &random) }
    }

    func laterRequest(_ random: inout SeededGenerator) -> PlainModel.Message {
        var later = PlainModel.Message()
        if Int.random(in: 0..<10, using: &random) < 2 { later.fields["authorization"] = ["x"] }
        if Int.random(in: 0..<10, using: &random) < 6 {
            later.fields["cache-control"] = Self.lines(Self.requestDirectives, &random)
        }
        if Int.random(in: 0..<10, using: &random) < 1 { later.fields["pragma"] = ["no-cache"] }
        return later
    }

    func clock(_ random: inout SeededGenerator) -> Int64 { Int64.random(in: -20..<150, using: &random) }

    var policy: RoutePolicy {
        var policy = RoutePolicy()
        policy.timeout = route.timeout.map { Seconds($0) }
        policy.clientControl = route.honoursClients ? .honour : .ignore
        policy.allowAuthorization = route.allowsAuthorization
        policy.allowSetCookie = route.allowsCookies
        policy.staleWhileRevalidate = Seconds(route.staleWhileRevalidate)
        policy.staleIfError = Seconds(route.staleIfError)
        return policy
    }

    func facts(of message: PlainModel.Message) -> RequestFacts {
        let token = Array(message.method.utf8)
        var facts = RequestFacts(method: CachingMethod(token.span))
        for (field, line) in lines(of: message) {
            let bytes = Array(line.utf8)
            facts.note(field, bytes.span)
        }
        return facts
    }

    var responseFacts: ResponseFacts {
        mutating get {
            var facts = ResponseFacts(status: CachingStatus(response.status), responseTime: arrival)
            for (field, line) in lines(of: response) {
                let bytes = Array((field == .date || field == .expires ? Self.date(line) : line).utf8)
                facts.note(field, bytes.span)
            }
            return facts
        }
    }

    private func lines(of message: PlainModel.Message) -> [(CachingField, String)] {
        message.fields.flatMap { name, lines in
            let bytes = Array(name.utf8)
            let field = CachingField(name: bytes.span)!
            return lines.map { (field, $0) }
        }
    }

    /// The HTTP date of an offset from midnight of 2024-01-01, within the hour.
    private static func date(_ offset: String) -> String {
        guard let seconds = Int(offset) else { return offset }
        let time = (seconds + 86_400) % 86_400
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let day = seconds < 0 ? "Sun, 31 Dec 2023" : "Mon, 01 Jan 2024"
        return "\(day) \(two(time / 3600)):\(two(time / 60 % 60)):\(two(time % 60)) GMT"
    }

    private static let responseDirectives = [
        "no-store", "No-Cache", "private", "public", "must-revalidate", "proxy-revalidate", "s-maxage=#", "max-age=#",
        "MAX-AGE=#", "max-age=\"#\"",
        "max-age=x", "must-understand", "immutable", "stale-while-revalidate=#", "stale-if-error=#", "foo", "foo=bar",
        "max-age=#", "max-age=#",
        "public", "max-age = #",
    ]
    private static let requestDirectives = [
        "no-store", "no-cache", "max-age=#", "min-fresh=#", "max-stale", "max-stale=#", "only-if-cached",
        "stale-if-error=#", "max-age=0", "foo",
        "MIN-FRESH=x", "max-stale=\"#\"",
    ]
    private static let targetedDirectives = [
        "no-store", "no-cache", "private", "must-revalidate", "max-age=#", "s-maxage=#", "public", "max-age=#", "x",
    ]

    private static func lines(_ table: [String], _ random: inout SeededGenerator) -> [String] {
        (0..<Int.random(in: 1...2, using: &random)).map { _ in
            (0..<Int.random(in: 1...3, using: &random)).map { _ in directive(table, &random) }.joined(
                separator: [", ", ",", " ,,"].randomElement(using: &random)!)
        }
    }

    private static func targeted(_ random: inout SeededGenerator) -> [String] {
        (0..<Int.random(in: 1...2, using: &random)).map { _ in
            switch Int.random(in: 0..<10, using: &random) {
            case 0: return ""
            case 1: return "Max-Age=10"
            default:
                return (0..<Int.random(in: 1...3, using: &random)).map { _ in directive(targetedDirectives, &random) }
                    .joined(separator: ", ")
            }
        }
    }

    private static func directive(_ table: [String], _ random: inout SeededGenerator) -> String {
        table.randomElement(using: &random)!.split(separator: "#", omittingEmptySubsequences: false)
            .joined(separator: String(Int.random(in: 0..<100, using: &random)))
    }
}
