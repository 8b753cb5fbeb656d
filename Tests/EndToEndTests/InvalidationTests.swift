import Foundation
import TestSupport
import Testing

// What an unsafe request does to what is stored, and to what is on its way into the store (RFC 9111 §4.4).

@Suite("RFC 9111 §4.4: invalidation")
struct InvalidationTests {
    let scene: CachingScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try CachingScene.shared.get() }

    @Test(
        "An answer that was asked for before an unsafe request changed the resource is not stored after it",
        arguments: Backend.allCases)
    func overtaken(_ backend: Backend) throws {
        let release = DispatchSemaphore(value: 0)
        let isChanged = Locked(false)
        let path = origin.script { exchange in
            if exchange.request.method == "POST" {
                isChanged.withLock { $0 = true }
                return try exchange.respond(204)
            }
            let body = isChanged.withLock { $0 } ? "new" : "old"
            if body == "old" { _ = release.wait(timeout: .now() + 10) }
            try exchange.respond(200, ["Cache-Control: max-age=60"], body: body)
        }
        let larder = scene[backend]
        let early = try larder.client()
        try early.send(RawClient.request("GET", path))
        #expect(eventually { origin.count(for: path) == 1 })
        #expect(try larder.request("POST", path, body: Array("change".utf8)).status == 204)
        release.signal()
        #expect(try early.readResponse().text == "old")
        let next = try larder.get(path)
        #expect(next.text == "new")
        #expect(next.xCache == "MISS")
    }
}
