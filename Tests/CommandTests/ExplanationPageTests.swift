import Admin
import Testing

@testable import larder

@Suite("What larder explain and larder stats print")
struct ExplanationPageTests {
    private func page(_ document: String) throws -> [String] {
        try ExplanationPage(JSONValue(Array(document.utf8))).text.split(separator: "\n").map(String.init)
    }

    @Test("Verdict, reason and what is next stand first; what there is nothing to say of is left out")
    func order() throws {
        let lines = try page(
            """
            {"verdict":"MISS","reason":"uri-miss","sentence":"Nothing is stored.","next":"fetch","status":null,
            "cache_status":"larder; fwd=uri-miss","route":{"index":1,"path":"/a","host":"","upstream":"api"},
            "key":{"text":"GET http://a/a","redis":"larder:00"},"variant":null,"stored":null,"refresh":null,
            "flight":null,"dropped_lately":true,"store_trouble":null}
            """)
        #expect(
            lines == [
                "verdict  MISS, uri-miss", "why      Nothing is stored.", "next     fetch",
                "says     Cache-Status: larder; fwd=uri-miss", "route    /a to upstream api (routes[1])",
                "key      GET http://a/a", "redis    larder:00", "stored   nothing",
                "note     this key was purged or invalidated recently",
            ])
    }

    @Test("A refusal has its status, and nothing of a store that wasn't asked")
    func refusal() throws {
        let lines = try page(
            #"{"verdict":"REFUSED","reason":"no-route","sentence":"No.","next":"answer","status":404}"#)
        #expect(lines == ["verdict  REFUSED 404, no-route", "why      No.", "next     answer"])
    }

    @Test(
        "How old a stored response is, and for how long it may be used",
        arguments: [
            (10, 50, "10s of 1m 0s (the origin's), fresh for 50s more"),
            (60, 0, "1m 0s of 1m 0s (the origin's), just stale"),
            (75, -15, "1m 15s of 1m 0s (the origin's), stale for 15s"),
        ])
    func age(age: Int, ttl: Int, text: String) throws {
        let stored = #"{"status":200,"size":5,"age":\#(age),"ttl":\#(ttl),"lifetime":60,"lifetime_from":"origin"}"#
        let lines = try page(#"{"verdict":"HIT","key":{"text":"k"},"stored":\#(stored)}"#)
        #expect(lines.contains { $0.hasSuffix(text) }, "\(lines)")
    }

    @Test("What an origin or a client wrote can't steer the terminal")
    func controls() throws {
        let lines = try page(#"{"verdict":"HIT","key":{"text":"a\u001b[2Jb"}}"#)
        #expect(lines.contains { $0.hasSuffix("a?[2Jb") }, "\(lines)")
    }

    @Test("The figures name limits that were reached, the most frequent first, and no other")
    func limits() throws {
        let document = #"{"limits":{"head":2,"clients":1234,"body":0},"sharing":{"collapsed":5,"unshared_keys":1}}"#
        let text = StatsPage(try JSONValue(Array(document.utf8))).text
        #expect(text.hasSuffix("limit    reached\nclients  1,234\nhead     2"), "\(text)")
        #expect(text.contains("5 coalesced"))
        #expect(text.contains("1 keys not shareable"))
    }
}
