import Foundation
import TestSupport
import Testing

// Requests for one key that differ in more than their key, while one of them is being fetched: whoever leads and whoever
// waits, each gets the answer to its own request (RFC 9110 §9.3.2, §13, §14).

@Suite("Requests that wait for one fetch are each answered as what they are")
struct WaitingRequestTests {
    let scene: StandardsScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try StandardsScene.shared.get() }

    private struct Kind: Sendable {
        let name: String
        var method = "GET"
        var fields: [String] = []
        let isRight: @Sendable (Response) throws -> Bool
    }

    private static let kinds = [
        Kind(name: "whole") { try $0.status == 200 && $0.version() == 1 },
        Kind(name: "range", fields: ["Range: bytes=100-199"]) {
            try $0.status == 206 && $0.parts().map(\.range) == [100..<200] && $0.version() == 1
        },
        Kind(name: "suffix", fields: ["Range: bytes=-10"]) {
            try $0.status == 206 && $0.parts().map(\.range) == [990..<1_000] && $0.version() == 1
        },
        Kind(name: "head", method: "HEAD") { $0.status == 200 && $0["Content-Length"] == "1000" && $0.body.isEmpty },
        Kind(name: "known", fields: ["If-None-Match: \"v1\""]) { $0.status == 304 && $0.body.isEmpty },
        Kind(name: "changed", fields: ["If-None-Match: \"v0\""]) { try $0.status == 200 && $0.version() == 1 },
        Kind(name: "other version", fields: ["Range: bytes=0-9", "If-Range: \"v0\""]) {
            try $0.status == 200 && $0.version() == 1
        },
        Kind(name: "no-store", fields: ["Cache-Control: no-store"]) { try $0.status == 200 && $0.version() == 1 },
    ]

    @Test("Whichever comes first", .tags(.must), arguments: Backend.both, Self.kinds.indices)
    func together(_ backend: Backend, _ leader: Int) throws {
        let larder = scene[backend]
        let content = VersionedContent()
        let release = DispatchSemaphore(value: 0)
        let isHeld = Locked(true)
        let path = origin.script { exchange in
            let isFirst = isHeld.withLock { held in
                defer { held = false }
                return held
            }
            if isFirst { _ = release.wait(timeout: .now() + 5) }
            try content.answer(exchange)
        }
        let kinds = [Self.kinds[leader]] + Self.kinds
        var clients: [RawClient] = []
        for kind in kinds {
            let client = try larder.client()
            try client.send(RawClient.request(kind.method, path, kind.fields))
            if clients.isEmpty { #expect(eventually { origin.count(for: path) == 1 }) }
            clients.append(client)
        }
        _ = settled(for: 0.05) { origin.count(for: path) }
        release.signal()
        for (kind, client) in zip(kinds, clients) {
            let response = try client.readResponse(to: kind.method)
            #expect(try response.isComplete && kind.isRight(response), "\(kind.name): \(response.head)")
            _ = try response.cacheStatus
        }
    }
}
