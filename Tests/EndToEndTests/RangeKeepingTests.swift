import TestSupport
import Testing

// Players and downloaders that ask for ranges alone: what the origin is asked, with each kind of validator and none.

@Suite("RFC 9111 §3.3, §4, RFC 9110 §14: ranges are kept whatever the validator")
struct RangeKeepingTests {
    let scene: CachingScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try CachingScene.shared.get() }

    static let validators = [
        "ETag: \"v1\"", "ETag: W/\"v1\"", "Last-Modified: Wed, 01 Jan 2025 00:00:00 GMT", "X-No-Validator: 1",
    ]
    private static let body = patterned(50_000)

    /// An origin that answers every range with that part.
    private func path(_ validator: String) -> String {
        let body = Self.body
        return origin.script { exchange in
            let fields = ["Cache-Control: max-age=60", validator]
            let range = (exchange.request["Range"] ?? "").dropFirst("bytes=".count).split(
                separator: "-", omittingEmptySubsequences: false)
            guard range.count == 2, let first = Int(range[0]) else {
                return try exchange.respond(200, fields, bytes: body)
            }
            let last = Int(range[1]) ?? body.count - 1
            let place = "Content-Range: bytes \(first)-\(last)/\(body.count)"
            try exchange.respond(206, fields + [place], bytes: Array(body[first...last]))
        }
    }

    @Test(
        "A range that was all of it is an ordinary response from then on", .tags(.choice),
        arguments: Backend.allCases, validators)
    func allOfIt(_ backend: Backend, _ validator: String) throws {
        let larder = scene[backend]
        let path = path(validator)
        let first = try larder.get(path, ["Range: bytes=0-"])
        #expect(first.status == 206 && first.body == Self.body, "\(first.summary)")
        let hit = try larder.awaitHit(path, ["Range: bytes=0-"])
        #expect(hit.status == 206 && hit["Content-Range"] == "bytes 0-49999/50000" && hit.body == Self.body)
        #expect(try larder.awaitHit(path).body == Self.body)
    }

    @Test(
        "One part that is stored answers for what lies within it, and for nothing else", .tags(.must),
        arguments: Backend.allCases, validators)
    func within(_ backend: Backend, _ validator: String) throws {
        let larder = scene[backend]
        let path = path(validator)
        #expect(try larder.get(path, ["Range: bytes=1000-1999"]).status == 206)
        let hit = try larder.awaitHit(path, ["Range: bytes=1500-1599"])
        #expect(hit.status == 206 && hit.body == Array(Self.body[1500..<1600]), "\(hit.summary)")
        #expect(hit["Content-Range"] == "bytes 1500-1599/50000")
        let beyond = try larder.get(path, ["Range: bytes=1500-2499"])
        #expect(beyond.status == 206 && beyond.body == Array(Self.body[1500..<2500]), "\(beyond.summary)")
        let asked = origin.requests(for: path).last?["Range"]
        #expect(asked == (validator == Self.validators[0] ? "bytes=2000-2499" : "bytes=1500-2499"))
        #expect(try larder.get(path).body == Self.body)
    }
}
