import HTTPSemantics
import TestRandomness
import Testing

@testable import HTTPCaching

/// Random messages, routes and clocks: the real code and the plain model must agree on every one.
@Suite("RFC 9111 against a plain model")
struct ModelTests {
    @Test("Storing and reusing agree with the model", .tags(.must), arguments: 0..<4)
    func agree(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        var storedCount = 0
        var caseCount = 0
        for number in 0..<1_600 {
            let scenario = Scenario(&random)
            let model = PlainModel.store(
                scenario.request, scenario.response, scenario.route, sent: scenario.sent, arrived: scenario.arrived)
            let real = scenario.verdict
            caseCount += 1
            guard let model, case .store(let facts, let life) = real else {
                if model != nil || real.facts != nil {
                    Issue.record("seed \(seed), case \(number): \(scenario)\nmodel \(model as Any)\nreal \(real)")
                }
                continue
            }
            storedCount += 1
            let found = [facts.correctedInitialAge.count, facts.lifetime.count, life.count]
            if found != [model.age, model.lifetime, model.life] {
                Issue.record("seed \(seed), case \(number): \(scenario)\nmodel \(model)\nreal \(real)")
            }
            for _ in 0..<7 {
                let later = scenario.laterRequest(&random)
                let now = scenario.clock(&random, model)
                let expected = PlainModel.reuse(model, later, scenario.route, at: now)
                let verdict = reuseVerdict(
                    stored: facts, request: scenario.facts(of: later), policy: scenario.policy,
                    now: Scenario.instant(now))
                caseCount += 1
                if verdict.plain != expected {
                    Issue.record(
                        "seed \(seed), case \(number): \(scenario)\nlater \(later) at \(now): \(verdict), not \(expected)"
                    )
                }
            }
        }
        #expect(storedCount > 500 && caseCount > 5_000)
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
    /// Milliseconds from midnight.
    var sent: Int64
    var arrived: Int64

    init(_ random: inout SeededGenerator) {
        func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
        arrived = Int64.random(in: 0..<1_000, using: &random)
        sent = arrived - Int64.random(in: 0..<(chance(30) ? 10_000 : 1_500), using: &random)
        if chance(40) { route.timeout = Int64.random(in: 1..<100, using: &random) }
        route.isForced = chance(20)
        for key in ["404", "500", "5xx", "2xx", "4xx", "any"] where chance(8) {
            route.statuses[key] = Int64.random(in: 0..<50, using: &random)
        }
        if chance(25) { route.heuristic = Int64.random(in: 1...100, using: &random) }
        if chance(50) { route.heuristicCap = Int64.random(in: 0..<100, using: &random) }
        route.honoursClients = !chance(20)
        route.allowsAuthorization = chance(20)
        route.allowsCookies = chance(20)
        if chance(20) { route.staleWhileRevalidate = 15 }
        if chance(20) { route.staleIfError = 25 }
        if chance(20) { route.keep = Int64.random(in: 0...20, using: &random) }
        response.status =
            chance(60)
            ? 200
            : [103, 203, 204, 206, 299, 301, 302, 304, 308, 404, 410, 412, 416, 451, 500, 501, 503].randomElement(
                using: &random)!
        if chance(4) { request.method = ["POST", "PUT", "get"].randomElement(using: &random)! }
        if chance(15) { request.fields["authorization"] = ["x"] }
        if chance(15) { request.fields["cookie"] = ["a=b"] }
        if chance(10) { response.fields["set-cookie"] = ["a=b"] }
        if chance(10) { response.fields["vary"] = [["*", "a, *", "a", "a, b"].randomElement(using: &random)!] }
        if chance(50) { response.fields["etag"] = ["\"a\""] }
        if chance(30) { response.fields["last-modified"] = [String(Int64.random(in: -1_000..<20, using: &random))] }
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
        if Int.random(in: 0..<10, using: &random) < 2 { later.fields["cookie"] = ["a=b"] }
        if Int.random(in: 0..<10, using: &random) < 6 {
            later.fields["cache-control"] = Self.lines(Self.requestDirectives, &random)
        }
        if Int.random(in: 0..<10, using: &random) < 1 { later.fields["pragma"] = ["no-cache"] }
        return later
    }

    /// Any time, or one close to where something ends.
    func clock(_ random: inout SeededGenerator, _ stored: PlainModel.Stored) -> Int64 {
        if Bool.random(using: &random) { return Int64.random(in: -20_000..<150_000, using: &random) }
        let ends = [0, stored.staleWhileRevalidate, stored.staleIfError, -10, 10]
        let end = stored.lifetime - stored.age + ends.randomElement(using: &random)!
        return arrived + end * 1000 + Int64.random(in: -2...2, using: &random)
    }

    static func instant(_ milliseconds: Int64) -> Instant { Instant(milliseconds: arrival.milliseconds + milliseconds) }

    var verdict: StorageVerdict {
        let status = Status(response.status)
        let timeouts = route.statuses.map { key, seconds -> (StatusTimeouts.Key, Seconds) in
            let named: StatusTimeouts.Key =
                if let exact = Int(key) { .status(exact) } else {
                    key == "any" ? .any : .statusClass(Int(key.prefix(1))!)
                }
            return (named, Seconds(seconds))
        }
        return storageVerdict(
            request: facts(of: request), response: responseFacts,
            policy: policy.applying(StatusTimeouts(timeouts), to: status), requestTime: Self.instant(sent))
    }

    var policy: RoutePolicy {
        var policy = RoutePolicy()
        policy.mode = route.isForced ? .force : .standard
        policy.timeout = route.timeout.map { Seconds($0) }
        policy.heuristicPercentage = route.heuristic.map { UInt8($0) }
        policy.heuristicCap = Seconds(route.heuristicCap)
        policy.clientControl = route.honoursClients ? .honour : .ignore
        policy.allowAuthorization = route.allowsAuthorization
        policy.allowSetCookie = route.allowsCookies
        policy.staleWhileRevalidate = Seconds(route.staleWhileRevalidate)
        policy.keep = Seconds(route.keep)
        policy.staleIfError = Seconds(route.staleIfError)
        return policy
    }

    func facts(of message: PlainModel.Message) -> RequestFacts {
        let token = Array(message.method.utf8)
        var facts = RequestFacts(method: Method.recognise(token.span))
        for (field, line) in lines(of: message) {
            let bytes = Array(line.utf8)
            facts.note(field, bytes.span)
            if field == .cookie { facts.noteCredentials() }
        }
        return facts
    }

    var responseFacts: ResponseFacts {
        var facts = ResponseFacts(status: Status(response.status), responseTime: Self.instant(arrived))
        for (field, line) in lines(of: response) {
            let isDate = field == .date || field == .expires || field == .lastModified
            let bytes = Array((isDate ? Self.date(line) : line).utf8)
            facts.note(field, bytes.span)
        }
        return facts
    }

    private static let fields = Dictionary(
        uniqueKeysWithValues: FieldName.allCases.map { ("\($0.text)".lowercased(), $0) })

    private func lines(of message: PlainModel.Message) -> [(FieldName, String)] {
        message.fields.flatMap { name, lines in lines.map { (Self.fields[name]!, $0) } }
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
