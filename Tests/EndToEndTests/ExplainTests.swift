import Foundation
import TestSupport
import Testing

// `larder explain` and `GET /explain`: what they say of a request is what the request then gets, and saying it changes
// nothing.

@Suite("Explaining a request", .serialized)
struct ExplainTests {
    static let shared = Result { try ExplainScene() }
    let scene: ExplainScene

    init() throws { scene = try Self.shared.get() }

    @Test("What is explained is what a request then gets", arguments: Backend.both, ExplainSituation.all)
    func agreement(_ backend: Backend, _ situation: ExplainSituation) throws {
        let larder = scene[backend]
        let path = scene.path(situation)
        if situation.isFilled {
            _ = try larder.get(path)
            try #require(eventually { try scene.isStored(larder, path) }, "\(situation.name) is stored")
        }
        let explained = try scene.explain(larder, path, situation)
        #expect(explained["verdict"].string == situation.verdict, "\(explained)")
        #expect(explained["reason"].string == situation.reason, "\(explained)")
        #expect(explained["status"].int == situation.status, "\(explained)")
        #expect(explained["sentence"].string?.hasSuffix(".") == true, "\(explained)")
        #expect(!explained.description.contains("hidden-from-all"))

        let response = try larder.request(situation.method, path, situation.fields)
        #expect(explained["x_cache"].string == response.xCache, "\(explained)\n\(response.raw.text)")
        if let status = situation.status { #expect(response.status == status) }
        let said = try #require(explained["cache_status"].string)
        let wanted = SaidStatus(said)
        let seen = try response.cacheStatus
        #expect(wanted.isHit == seen.isHit, "\(said) and \(seen)")
        #expect(wanted.forward == seen.forward, "\(said) and \(seen)")
        // What a fetched answer is not stored for is known once it is there.
        if seen.isHit || seen.isStored || ["BYPASS", "REFUSED"].contains(situation.verdict) {
            #expect(wanted.detail == seen.detail, "\(said) and \(seen)")
        }
        if let seconds = wanted.timeToLive, let left = seen.timeToLive { #expect(abs(seconds - left) <= 1) }
    }

    @Test("Explaining leaves counters, stores and origins as they were", arguments: Backend.both)
    func untouched(_ backend: Backend) throws {
        let larder = scene[backend]
        let stale = scene.answering(["Cache-Control: max-age=0, stale-while-revalidate=60"])
        let fresh = scene.answering(["Cache-Control: max-age=60"])
        for path in [stale, fresh] {
            _ = try larder.get(path)
            try #require(eventually { try scene.isStored(larder, path) })
        }
        let before = try figures(larder)
        for path in [stale, fresh, "/t/never", "/nowhere"] {
            for method in ["GET", "HEAD", "POST"] {
                _ = try larder.admin("GET", ExplainScene.target(method, path, []))
            }
        }
        #expect(try figures(larder) == before)
        #expect(scene.origin.count(for: stale) == 1)
        let explained = try larder.admin("GET", ExplainScene.target("GET", stale, [])).json()
        #expect(explained["refresh"].string == "stale")
        // Were one begun, the origin would have been asked by the time that it is asked for something else.
        _ = try larder.get(fresh + "?other")
        #expect(scene.origin.count(for: stale) == 1)
    }

    /// Everything that may not change; what Redis was asked is counted, as it is asked.
    private func figures(_ larder: LarderProcess) throws -> [String] {
        let stats = try larder.stats()
        let ofConnections = ["clients", "active_requests", "origin_connections", "bytes_to_clients", "accepted"]
        let totals = stats["totals"].keys.filter { !ofConnections.contains($0) }.map { "\($0) \(stats["totals"][$0])" }
        let whole = ["outcomes", "reasons", "faults", "sharing", "routes"].map { "\($0) \(stats[$0])" }
        return totals + whole + ["memory \(stats["store"]["memory"])"]
    }

    @Test("What Redis has is not copied into memory for an explanation")
    func noCopy() throws {
        let larder = scene[.tiered]
        let path = scene.answering(["Cache-Control: max-age=60"])
        _ = try scene[.redis].get(path)
        let before = try larder.stats()["store"]["memory"].description
        #expect(try eventually { try scene.isStored(larder, path) })
        #expect(try larder.stats()["store"]["memory"].description == before)
        #expect(try larder.get(path).xCache == "HIT")
        #expect(try larder.stats()["store"]["memory"].description != before)
    }

    @Test("Near the end of a lifetime it says that requests refresh, and begins no refresh")
    func earlyRefresh() throws {
        let larder = scene[.memory]
        let path = scene.answering(["Cache-Control: max-age=10"], at: "/early/t")
        _ = try larder.get(path)
        let isTold = try eventually {
            let explained = try larder.admin("GET", ExplainScene.target("GET", path, [])).json()
            return explained["verdict"].string == "HIT" && explained["refresh"].string == "early-refresh"
        }
        #expect(isTold)
        #expect(scene.origin.count(for: path) == 1)
    }

    @Test("What is stored is told with its times, validators, tags and groups")
    func stored() throws {
        let larder = scene[.memory]
        let path = scene.answering(
            [
                "Cache-Control: max-age=60, stale-while-revalidate=30, stale-if-error=90", "ETag: \"v1\"",
                "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", "Content-Type: application/json",
                "Cache-Tag: task 7, list", "Surrogate-Key: s1 s2", "xkey: x1", "Cache-Groups: \"g1\", \"g2\"",
                "Vary: Accept-Language, Cookie", "Age: 10",
            ])
        _ = try larder.get(path, ["Accept-Language: de", "Cookie: sid=hidden-from-all"])
        let explained = try larder.admin(
            "GET", ExplainScene.target("GET", path, ["Accept-Language: de", "Cookie: sid=hidden-from-all"])
        ).json()
        let stored = explained["stored"]
        #expect(stored["status"].int == 200 && stored["size"].int == 7)
        #expect(stored["lifetime"].int == 60 && stored["lifetime_from"].string == "origin")
        #expect(try (10...15).contains(#require(stored["age"].int)))
        #expect(try (45...50).contains(#require(stored["ttl"].int)))
        #expect(stored["etag"].string == "\"v1\"")
        #expect(stored["last_modified"].string == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(stored["content_type"].string == "application/json")
        #expect(stored["stale_while_revalidate"]["left"].int == 30 && stored["stale_if_error"]["seconds"].int == 90)
        #expect(stored["tags"].list?.compactMap(\.string) == ["task 7", "list", "s1", "s2", "x1"])
        #expect(stored["groups"].list?.compactMap(\.string) == ["g1", "g2"])
        #expect(explained["variant"]["fields"].list?.compactMap { $0["name"].string } == ["accept-language", "cookie"])
        #expect(explained["variant"]["fields"][0]["value"].string == "de")
        #expect(explained["variant"]["redis"].string != explained["key"]["redis"].string)
        #expect(!explained.description.contains("hidden-from-all"))
        let key = try larder.command(["key", "GET", "http://api.example\(path)"]).output
        #expect(try key.contains(#require(explained["key"]["text"].string)))
        #expect(try key.contains(#require(explained["key"]["redis"].string)))
    }

    @Test("A fetch under way, and answers that can't be shared, are told")
    func flights() throws {
        let larder = scene[.memory]
        let gate = DispatchSemaphore(value: 0)
        let path = scene.origin.script("/t/t") { exchange in
            _ = gate.wait(timeout: .now() + 10)
            try exchange.respond(200, ["Cache-Control: private"], body: "mine")
        }
        let client = try larder.client()
        defer { client.close() }
        try client.send("GET \(path) HTTP/1.1\r\nHost: api.example\r\n\r\n")
        try #require(eventually { scene.origin.count(for: path) == 1 })
        let waiting = try larder.admin("GET", ExplainScene.target("GET", path, [])).json()
        #expect(waiting["flight"].string == "under-way")
        #expect(waiting["next"].string?.hasPrefix("wait up to 5000 ms") == true, "\(waiting)")
        gate.signal()
        _ = try client.readResponse()
        let unshared = try eventually {
            try larder.admin("GET", ExplainScene.target("GET", path, [])).json()["flight"].string == "unshared"
        }
        #expect(unshared)
    }

    @Test("A purge is told while it is the last thing that happened to a key")
    func purged() throws {
        let larder = scene[.memory]
        let path = scene.answering(["Cache-Control: max-age=60"])
        try larder.awaitHit(path)
        #expect(
            try larder.admin("GET", ExplainScene.target("GET", path, [])).json()["dropped_lately"].value as? Bool
                == false)
        #expect(try larder.command(["purge", "http://api.example\(path)"]).status == 0)
        let explained = try larder.admin("GET", ExplainScene.target("GET", path, [])).json()
        #expect(explained["dropped_lately"].value as? Bool == true)
        #expect(explained["reason"].string == "uri-miss")
    }

    @Test("A part that is stored is told as one, and answers what lies in it", arguments: Backend.both)
    func partial(_ backend: Backend) throws {
        let larder = scene[backend]
        let content = VersionedContent()
        let path = scene.origin.script("/t/t") { try content.answer($0) }
        _ = try larder.get(path, ["Range: bytes=0-99"])
        try #require(eventually { try scene.isStored(larder, path) })
        let asked = scene.origin.count(for: path)
        for (range, verdict) in [("bytes=10-19", "HIT"), ("bytes=50-149", "MISS")] {
            let target = ExplainScene.target("GET", path, ["Range: \(range)"])
            let explained = try larder.admin("GET", target).json()
            #expect(explained["verdict"].string == verdict, "\(explained)")
            #expect(explained["stored"]["partial"].value as? Bool == true)
            #expect(scene.origin.count(for: path) == asked)
            #expect(try larder.get(path, ["Range: \(range)"]).xCache == verdict)
        }
    }

    @Test("A group that was invalidated is told, and what is stored stays until a request finds it")
    func groups() throws {
        let larder = scene[.memory]
        let path = scene.answering(["Cache-Control: max-age=60", "Cache-Groups: \"explained\""])
        try larder.awaitHit(path)
        let unsafe = scene.answering(["Cache-Group-Invalidation: \"explained\""])
        _ = try larder.request("POST", unsafe, body: [120])
        for _ in 0..<2 {
            let explained = try larder.admin("GET", ExplainScene.target("GET", path, [])).json()
            #expect(explained["verdict"].string == "MISS" && explained["reason"].string == "purged", "\(explained)")
        }
        #expect(try larder.get(path).xCache == "MISS")
    }

    @Test(
        "Why the latest response isn't stored is told afterwards, with the setting that would store it",
        arguments: [
            (["Cache-Control: max-age=60", "Set-Cookie: a=b"], "set-cookie", "`allow_set_cookie: on`"),
            (["Cache-Control: private"], "private", "`mode: force`"),
            (["Cache-Control: no-store"], "no-store", "`mode: force`"),
            ([], "no-lifetime", "`timeout`"), (["Cache-Control: max-age=60", "Vary: *"], "vary-star", nil),
        ] as [([String], String, String?)], Backend.both)
    func lastResponse(_ situation: ([String], String, String?), _ backend: Backend) throws {
        let (fields, reason, setting) = situation
        let larder = scene[backend]
        let path = scene.answering(fields)
        let target = ExplainScene.target("GET", path, [])
        #expect(try !larder.admin("GET", target).json()["last_response"].exists)
        #expect(try larder.get(path).status == 200)
        let last = try larder.admin("GET", target).json()["last_response"]
        #expect(last["status"].int == 200 && last["reason"].string == reason, "\(last)")
        #expect(last["stored"].value as? Bool == false)
        if let setting {
            #expect(last["advice"].string?.contains(setting) == true)
        } else {
            #expect(!last["advice"].exists)
        }
        let page = try larder.command(["explain", "GET", "http://api.example\(path)"]).output
        #expect(page.contains(" ago: 200, not stored (\(reason)): "), "\(page)")
        if let setting { #expect(page.contains(setting), "\(page)") }
    }

    @Test("That the latest response was stored is told too, and a HEAD says nothing of it")
    func lastResponseStored() throws {
        let larder = scene[.memory]
        let path = scene.answering(["Cache-Control: max-age=60"])
        try larder.awaitHit(path)
        #expect(try larder.command(["purge", "http://api.example\(path)"]).status == 0)
        _ = try larder.request("HEAD", path)
        let explained = try larder.admin("GET", ExplainScene.target("GET", path, [])).json()
        #expect(explained["verdict"].string == "MISS")
        #expect(explained["last_response"]["stored"].value as? Bool == true, "\(explained)")
    }

    @Test("An upstream that is down is told with the reason, and so is that there was no response")
    func upstreamDown() throws {
        try Stage.run { stage in
            let port = FreePort.take()
            let larder = try stage.larder(.caching("http://127.0.0.1:\(port)"))
            let target = ExplainScene.target("GET", "/a", [])
            #expect(try !larder.admin("GET", target).json()["upstream_problem"].exists)
            #expect(try larder.get("/a", ["Host: api.example"]).status == 503)
            let explained = try larder.admin("GET", target).json()
            let problem = try #require(explained["upstream_problem"].string)
            #expect(problem.hasPrefix("origin is down: http://127.0.0.1:\(port): Connection refused, "), "\(problem)")
            #expect(explained["last_response"]["reason"].string == "origin-unreachable", "\(explained)")
            #expect(!explained["last_response"]["status"].exists)
            let page = try larder.command(["explain", "GET", "http://api.example/a"]).output
            #expect(page.contains("origin is down: "), "\(page)")
            #expect(page.contains(" ago: There was no response: the connection was refused."), "\(page)")
        }
    }

    @Test("Content takes part in the key where the method has any")
    func content() throws {
        let larder = scene[.memory]
        let path = scene.answering(["Cache-Control: max-age=60"], at: "/content/t")
        _ = try larder.request("QUERY", path, ["Content-Type: text/plain"], body: Array("a question".utf8))
        let arguments = [
            "explain", "QUERY", "http://api.example\(path)", "-H", "Content-Type: text/plain", "--data",
        ]
        let asked = try larder.command(arguments + ["a question"])
        #expect(asked.output.contains(" HIT, hit\n"), "\(asked.output)\(asked.errors)")
        let other = try larder.command(arguments + ["another"])
        #expect(other.output.contains(" MISS, uri-miss\n"), "\(other.output)\(other.errors)")
    }

    @Test("larder explain says verdict and reason first, and everything with --json")
    func command() throws {
        let larder = scene[.memory]
        let path = scene.answering(["Cache-Control: max-age=60", "ETag: \"1\""])
        try larder.awaitHit(path)
        let url = "http://api.example\(path)"
        let people = try larder.command(["explain", "GET", url, "-H", "Cache-Control: no-cache"])
        #expect(people.status == 0, "\(people.errors)")
        let lines = people.output.split(separator: "\n").map(String.init)
        #expect(lines.first?.hasSuffix("VALIDATE, request-no-cache") == true, "\(people.output)")
        for word in ["The request said no-cache.", "If-None-Match: \"1\"", "/t/{rest...}", "GET \(url)", "larder:"] {
            #expect(people.output.contains(word), "\(word) in:\n\(people.output)")
        }
        let programs = try larder.command(["explain", "GET", url, "--json"])
        #expect(try JSON(parsing: Array(programs.output.utf8))["verdict"].string == "HIT")
    }

    @Test(
        "What is no request is wrong usage, and 400 on the admin listener",
        arguments: [
            (["ftp://a/"], "url=ftp%3A%2F%2Fa%2F"), (["nonsense"], "url=nonsense"),
            (["http://a/ b"], "url=http%3A%2F%2Fa%2F%20b"),
            (["http://a/", "-H", "no field"], "url=http%3A%2F%2Fa%2F&h=no%20field"),
        ])
    func faults(_ arguments: [String], _ query: String) throws {
        let finished = try scene[.memory].command(["explain", "GET"] + arguments)
        #expect(finished.status == 2 && !finished.errors.isEmpty, "\(finished.errors)")
        let answer = try scene[.memory].admin("GET", "/explain?\(query)")
        #expect(answer.status == 400 && answer["Content-Type"] == "application/problem+json")
    }

    @Test("Without a daemon it fails and says so")
    func nobody() throws {
        let port = FreePort.take()
        let finished = try run([LarderProcess.binary, "explain", "GET", "http://a/", "--admin", "127.0.0.1:\(port)"])
        #expect(finished.status == 1)
        #expect(finished.errors.contains("cannot connect to the daemon"), "\(finished.errors)")
    }
}

/// What an explanation says `Cache-Status` will be: Larder's own tokens, without a string among them.
private struct SaidStatus {
    private let parameters: [Substring: Substring]

    init(_ member: String) {
        let pairs = member.split(separator: ";").dropFirst().map { parameter in
            let sides = parameter.drop { $0 == " " }.split(separator: "=", maxSplits: 1)
            return (sides[0], sides.count > 1 ? sides[1] : "")
        }
        parameters = Dictionary(uniqueKeysWithValues: pairs)
    }

    var isHit: Bool { parameters["hit"] != nil }
    var forward: String? { parameters["fwd"].map(String.init) }
    var detail: String? { parameters["detail"].map(String.init) }
    var timeToLive: Int? { parameters["ttl"].flatMap { Int($0) } }
}
