import Foundation
import TestSupport
import Testing

// What is stale when it arrives saves a test the wait for that.

@Suite("RFC 9111 §4.2.4, without a validator: stale while the origin can't be reached")
struct KeptStaleTests {
    @Test(
        "A stale response serves, for as long as the route keeps it, unless a directive forbids that", .tags(.choice),
        arguments: Backend.both)
    func kept(_ backend: Backend) throws {
        let forbidding = ["must-revalidate", "proxy-revalidate", "s-maxage=1", "no-cache"]
        try Stage.run { stage in
            let redis = try stage.redis()
            let origin = try stage.origin {
                let directive = $0.request.path.split(separator: "/").last ?? ""
                try $0.respond(200, ["Cache-Control: max-age=1, \(directive)", "Age: 1"], body: "stored")
            }
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams: "origin: \(origin.url)",
                    routes: """
                        - path: /{rest...}
                          upstream: origin
                          cache: {}
                        - path: /forgets/{rest...}
                          upstream: origin
                          cache:
                            keep: 0
                        """,
                    store: backend.section(redis)))
            #expect(try eventually { try backend == .memory || larder.redisState == "up" })
            for path in ["/kept", "/forgets/it"] + forbidding.map({ "/\($0)" }) {
                let response = try larder.get(path)
                #expect(response.status == 200 && response.xCache == "MISS", "\(path): \(response.summary)")
            }
            if backend == .redis {
                let key = try larder.redisKey("GET", "http://api.example/kept")
                #expect(try eventually { try redis.command("STRLEN", key).int ?? 0 > 32 })
            }
            origin.stop()
            // The second request comes while the server is ejected.
            for _ in 0..<2 {
                let response = try larder.get("/kept")
                #expect(response.status == 200 && response.text == "stored", "\(response.summary)")
                #expect(response.xCache == "STALE", "\(response.summary)")
            }
            for path in ["/forgets/it"] + forbidding.map({ "/\($0)" }) {
                let response = try larder.get(path)
                #expect([502, 503].contains(response.status), "\(path): \(response.summary)")
            }
        }
    }
}

@Suite("RFC 9111 §5.1, an Age that is no number")
struct UnreadableAgeTests {
    @Test("It is ignored, and the response is fresh", .tags(.should), arguments: ["abc", "-7200", "7200.0", ""])
    func ignored(_ age: String) throws {
        let scene = try StandardsScene.shared.get()
        for backend in Backend.both {
            let path = scene.origin.script(200, ["Cache-Control: max-age=3600", "Age: \(age)"], body: "content")
            let response = try scene[backend].awaitHit(path)
            #expect(response["Age"].flatMap { Int($0) } ?? .max < 60, "\(response.summary)")
            #expect(scene.origin.count(for: path) <= 2)
        }
    }
}
