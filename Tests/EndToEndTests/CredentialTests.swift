import Foundation
import TestSupport
import Testing

// Sessions on a route that gives lifetimes to what says nothing of its own: none is ever given another's response, by no way.

@Suite("RFC 9111 §7.3: a lifetime that only the route gives makes no response another's")
struct CredentialTests {
    let scene: SafeDefaultsScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try SafeDefaultsScene.shared.get() }

    private static let ways: [(method: String, fields: [String])] = [
        ("GET", []), ("HEAD", []), ("GET", ["Range: bytes=0-99"]), ("GET", ["If-None-Match: \"x\""]),
    ]

    /// Names in a response, of which none may be another's.
    private func expectOwn(_ response: Response, _ session: Session?, _ location: SourceLocation = #_sourceLocation) {
        #expect(response.status < 300, "\(response.summary)", sourceLocation: location)
        let text = response.raw.text
        let names = text.components(separatedBy: "somebody-").dropFirst().compactMap { $0.first.map(String.init) }
        let own = session.map { [String($0.name.dropFirst("somebody-".count).dropLast())] } ?? []
        #expect(Set(names).subtracting(own).isEmpty, "\(response.summary)", sourceLocation: location)
        if session != nil { #expect(!text.contains("nobody"), "\(response.summary)", sourceLocation: location) }
    }

    @Test(
        "GET, HEAD and ranges, one after another", .tags(.must), arguments: Backend.both, Session.fields)
    func sequence(_ backend: Backend, _ field: String) throws {
        let larder = scene[backend]
        let sessions = Session.several(field, 2)
        for prefix in ["/t", "/forced/t"] {
            for first in Self.ways {
                let path = scene.whoami(prefix)
                expectOwn(try larder.request(first.method, path, first.fields + sessions[0].fields), sessions[0])
                for second in Self.ways {
                    for session in sessions {
                        expectOwn(try larder.request(second.method, path, second.fields + session.fields), session)
                    }
                }
                expectOwn(try larder.get(path), nil)
                // What is stored for those without credentials is for no session either.
                #expect(try larder.awaitHit(path).text.hasPrefix("for nobody"))
                for second in Self.ways {
                    let response = try larder.request(second.method, path, second.fields + sessions[1].fields)
                    expectOwn(response, sessions[1])
                    #expect(response.xCache == "BYPASS")
                    #expect(try response.cacheStatus.detail == "credentials", "\(response.summary)")
                }
                #expect(try larder.get(path).xCache == "HIT")
            }
        }
    }

    @Test(
        "A lifetime of nothing shares nothing: what the route alone would serve stale is for no session",
        arguments: Backend.both, ["Cache-Control: max-age=0", "Expires: 0"])
    func noLifetime(_ backend: Backend, _ declared: String) throws {
        let larder = scene[backend]
        let sessions = Session.several("Cookie: sid=", 2)
        let isDown = Switch()
        let path = origin.script("/stale/t") { exchange in
            if isDown.isOn { return try exchange.respond(503, body: "down") }
            try exchange.answerWho([declared, "ETag: \"v1\""])
        }
        for session in [sessions[0], sessions[1], sessions[0]] {
            let response = try larder.get(path, session.fields)
            expectOwn(response, session)
            #expect(response.xCache != "STALE" && response.xCache != "REVALIDATED", "\(response.summary)")
        }
        isDown.turnOn()
        for fields in [sessions[1].fields, []] {
            let response = try larder.get(path, fields)
            #expect(response.status == 503 && !response.raw.text.contains("somebody"), "\(response.summary)")
        }
    }

    @Test("A cookie that the key names doesn't make the others part of it", arguments: Backend.both)
    func otherCookies(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = scene.whoami("/callers/t")
        let alone = ["Cookie: sid=one"]
        #expect(try larder.awaitHit(path, alone).text.hasPrefix("for sid=one"))
        for fields in [
            ["Cookie: sid=one; user=somebody-1-"], ["Cookie: user=somebody-2-; sid=one"], ["Cookie: somebody-3-"],
        ] {
            let response = try larder.get(path, fields)
            #expect(
                response.xCache != "HIT" && response.text.hasPrefix("for \(fields[0].dropFirst(8))"),
                "\(response.summary)")
        }
        #expect(try larder.get(path, alone).text.hasPrefix("for sid=one"))
    }

    @Test("A credential spelled with underscores is one")
    func underscores() throws {
        let larder = scene[.memory]
        let path = scene.whoami()
        #expect(try larder.awaitHit(path).text.hasPrefix("for nobody"))
        for name in ["X_Api_Key", "X-Auth_Token"] {
            #expect(try larder.get(path, ["\(name): a"]).xCache == "BYPASS")
        }
    }

    @Test("Together: nobody waits for another's response", .tags(.must), arguments: Backend.both, Session.fields)
    func coalesced(_ backend: Backend, _ field: String) throws {
        let larder = scene[backend]
        let sessions = Session.several(field, 4)
        for isLedBySession in [true, false] {
            let gate = Switch()
            let path = scene.whoami(gate: gate)
            let leader = try Asking(larder, path, isLedBySession ? sessions[0].fields : [])
            #expect(eventually { origin.count(for: path) == 1 })
            let others = try larder.ask(path, each: sessions.map(\.fields))
            // All of them are at the origin while the first one's response is still to come.
            #expect(eventually { origin.count(for: path) == 5 })
            let anonymous = try larder.ask(path, times: 2)
            let part = try Asking(larder, path, ["Range: bytes=0-49"] + sessions[1].fields)
            try larder.awaitReading(anonymous + [part])
            gate.turnOn()
            expectOwn(try leader.response(), isLedBySession ? sessions[0] : nil)
            for (session, other) in zip(sessions, others) {
                let response = try other.response()
                expectOwn(response, session)
                #expect(!response.isCollapsed)
            }
            for other in anonymous { expectOwn(try other.response(), nil) }
            expectOwn(try part.response(), sessions[1])
        }
    }

    @Test("Stale serving, and an API that fails", .tags(.must), arguments: Backend.both, Session.fields)
    func stale(_ backend: Backend, _ field: String) throws {
        let larder = scene[backend]
        let failing = Switch()
        let path = origin.script("/stale/t") { exchange in
            if failing.isOn { return try exchange.respond(500, body: "failed") }
            try exchange.answerWho()
        }
        let session = Session.several(field, 1)[0]
        _ = try larder.get(path)
        // Its second of life is over: served stale, or refreshed by then.
        #expect(try eventually { try larder.get(path).xCache == "STALE" })
        expectOwn(try larder.get(path, session.fields), session)
        failing.turnOn()
        let failed = try larder.get(path, session.fields)
        #expect(failed.status == 500 && failed.text == "failed")
        // The others are better off.
        #expect(try eventually { try larder.get(path).xCache == "STALE" })
        #expect(try larder.get(path).text.hasPrefix("for nobody"))
    }

    @Test(
        "A refresh in the background sends nobody's credentials, and stores for everybody", .tags(.must),
        arguments: Backend.both, Session.fields)
    func refresh(_ backend: Backend, _ field: String) throws {
        let larder = scene[backend]
        let session = Session.several(field, 1)[0]
        // Declared to be for all, so that a session may have it; stale when it comes.
        for fields in [["Cache-Control: public, max-age=1, stale-while-revalidate=60", "Age: 1"], ["ETag: \"1\""]] {
            let path = origin.script("/declared/t") { [origin] exchange in
                let isFirst = origin.count(for: exchange.request.path) == 1
                let first = ["Cache-Control: public, max-age=1, stale-while-revalidate=60", "Age: 1"]
                try exchange.answerWho(
                    isFirst ? first + fields.filter { $0.hasPrefix("ETag") } : ["Cache-Control: max-age=600"])
            }
            _ = try larder.get(path)
            #expect(try eventually { try larder.get(path, session.fields).xCache == "STALE" })
            #expect(eventually { origin.count(for: path) == 2 })
            let sent = origin.requests(for: path)[1]
            for name in ["Cookie", "Authorization", "X-Api-Key", "X-Auth-Token"] { #expect(sent[name] == nil) }
            let refreshed = try larder.awaitHit(path)
            #expect(refreshed.text.hasPrefix("for nobody"), "\(refreshed.summary)")
        }
    }

    @Test(
        "A refresh of what varies by the credential is its own caller's", .tags(.must), arguments: Backend.both)
    func refreshedVariant(_ backend: Backend) throws {
        let larder = scene[backend]
        let sessions = Session.several("Cookie: sid=", 2)
        let path = origin.script("/declared/t") { [origin] exchange in
            let isFresh = origin.count(for: exchange.request.path) > 2
            let life =
                isFresh
                ? ["Cache-Control: max-age=600"] : ["Cache-Control: max-age=1, stale-while-revalidate=60", "Age: 1"]
            try exchange.answerWho(life + ["Vary: Cookie"])
        }
        for session in sessions { expectOwn(try larder.get(path, session.fields), session) }
        for session in sessions {
            #expect(
                try eventually {
                    let response = try larder.get(path, session.fields)
                    expectOwn(response, session)
                    return response.xCache == "HIT"
                })
        }
        #expect(origin.requests(for: path).allSatisfy { $0["Cookie"] != nil })
    }

    @Test(
        "What the API declares itself is shared as RFC 9111 says", .tags(.must), arguments: Backend.both,
        ["public", "max-age=60", "s-maxage=60"])
    func declared(_ backend: Backend, _ control: String) throws {
        let larder = scene[backend]
        let sessions = Session.several("Cookie: sid=", 3)
        let path = scene.whoami("/t", ["Cache-Control: \(control)"])
        #expect(try larder.get(path, sessions[0].fields).text.hasPrefix("for sid=somebody-1-"))
        #expect(try larder.awaitHit(path, sessions[1].fields).text.hasPrefix("for sid=somebody-1-"))
        #expect(origin.count(for: path) == 1)
    }

    @Test(
        "A key that names the credential gives each caller an entry", .tags(.must), arguments: Backend.both,
        Session.fields.dropLast())
    func keyed(_ backend: Backend, _ field: String) throws {
        let larder = scene[backend]
        let path = scene.whoami("/callers/t")
        let sessions = Session.several(field, 2)
        for session in sessions { #expect(try larder.get(path, session.fields).xCache == "MISS") }
        for session in sessions { expectOwn(try larder.awaitHit(path, session.fields), session) }
        #expect(try larder.get(path).text.hasPrefix("for nobody"))
        // A credential that the key doesn't name is one all the same.
        let other = try larder.get(path, sessions[0].fields + ["X-Auth-Token: other"])
        #expect(other.xCache != "HIT" && other.text.contains("other"))
    }

    @Test("cookies: ignore and a list of its own are ways out", .tags(.choice), arguments: Backend.both)
    func waysOut(_ backend: Backend) throws {
        let larder = scene[backend]
        for (prefix, field) in [
            ("/careless/t", "Cookie: a="), ("/listed/t", "Cookie: a="), ("/listed/t", "X-Api-Key: "),
        ] {
            let path = scene.whoami(prefix)
            _ = try larder.get(path, ["\(field)1"])
            _ = try larder.awaitHit(path, ["\(field)2"])
            #expect(origin.count(for: path) == 1)
        }
        let path = scene.whoami("/listed/t")
        for name in ["one", "two"] {
            #expect(try larder.get(path, ["x-session: \(name)"]).text.hasPrefix("for \(name);"))
        }
        #expect(try larder.get(path, ["X-Session: one"]).xCache != "HIT")
    }

    @Test("explain names the field and two ways out", .tags(.choice), arguments: Backend.both)
    func explained(_ backend: Backend) throws {
        let larder = scene[backend]
        for isStored in [false, true] {
            let path = scene.whoami()
            if isStored {
                _ = try larder.get(path, ["Host: api.example"])
                _ = try larder.awaitHit(path, ["Host: api.example"])
            }
            for (field, words) in [
                ("Cookie: a=hidden", ["Cookie", "{cookie.NAME}", "cookies: ignore"]),
                ("Authorization: hidden", ["{header.authorization}", "allow_authorization: on"]),
                ("X-API-Key: hidden", ["X-API-Key", "{header.x-api-key}", "credentials"]),
            ] {
                let target = ExplainScene.target("GET", path, [field])
                let document = try larder.admin("GET", target).json()
                let sentence = document["credential"]["sentence"].string ?? ""
                for word in words { #expect(sentence.contains(word), "\(sentence)") }
                #expect(document["verdict"].string == (isStored ? "BYPASS" : "MISS"))
                if isStored { #expect(document["sentence"].string == sentence) }
                let page = try larder.command(["explain", "GET", "http://api.example\(path)", "-H", field]).output
                #expect(page.contains(words[1]) && !page.contains("hidden"), "\(page)")
            }
        }
    }
}
