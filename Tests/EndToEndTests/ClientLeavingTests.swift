import Foundation
import TestSupport
import Testing

// What becomes of a request when its client is gone: the same whichever version of HTTP the upstream speaks.

/// An origin that holds what it is asked until `/answer` comes, and sees what is given up meanwhile.
private struct HoldingOrigin: Sendable {
    enum Kind: CaseIterable { case http1, http2 }

    let url: String
    private let held = Counter()
    private let cancelled = Counter()

    var heldCount: Int { held.value }
    var cancelledCount: Int { cancelled.value }

    static let fields = [("cache-control", "max-age=60")]

    init(_ kind: Kind, on stage: Stage) throws {
        switch kind {
        case .http1: url = try Self.http1(stage, held, cancelled).url
        case .http2: url = try Self.http2(stage, held, cancelled).url
        }
    }

    private static func http1(_ stage: Stage, _ held: Counter, _ cancelled: Counter) throws -> ScriptedOrigin {
        let gate = Switch()
        return try stage.origin { exchange in
            if exchange.request.path == "/answer" {
                gate.turnOn()
                return try exchange.respond()
            }
            held.add(1)
            while !gate.isOn {
                guard exchange.socket.isReadable(within: 0.02) else { continue }
                // Nothing comes but the end.
                cancelled.add(1)
                return exchange.close()
            }
            try exchange.respond(200, fields.map { "\($0): \($1)" }, body: "late")
        }
    }

    private static func http2(_ stage: Stage, _ held: Counter, _ cancelled: Counter) throws -> HTTP2Origin {
        let origin = try HTTP2Origin { origin, frame in
            if frame.isKind(.reset) {
                if frame.error == 8 { cancelled.add(1) }
                origin.waiting.removeAll { $0 == frame.stream }
            }
            guard frame.isKind(.headers) else { return }
            guard frame[":path"] == "/answer" else {
                held.add(1)
                return origin.waiting.append(frame.stream)
            }
            try origin.respond(frame.stream)
            for stream in origin.waiting { try origin.respond(stream, "200", fields, body: "late") }
        }
        return stage.keep(origin) { $0.stop() }
    }
}

@Suite("Clients that leave while their request waits: the same for HTTP/1.1 and HTTP/2 upstreams")
struct ClientLeavingTests {
    private func play(
        _ kind: HoldingOrigin.Kind, cache: String, _ body: (LarderProcess, HoldingOrigin) throws -> Void
    ) throws {
        try Stage.run { stage in
            let origin = try HoldingOrigin(kind, on: stage)
            let configuration = LarderConfiguration(
                upstreams: "origin: \(origin.url)",
                routes: """
                    - {path: /answer, upstream: origin}
                    - {path: "/{rest...}", upstream: origin\(cache.isEmpty ? "" : ", cache: {\(cache)}")}
                    """, server: "workers: 1")
            try body(try stage.larder(configuration), origin)
        }
    }

    /// A client whose request the origin has.
    private func ask(_ larder: LarderProcess, _ origin: HoldingOrigin) throws -> RawClient {
        let before = origin.heldCount
        let client = try larder.client()
        try client.send(RawClient.request("GET", "/x"))
        #expect(eventually(within: 20) { origin.heldCount == before + 1 })
        return client
    }

    private func continuedAlone(_ larder: LarderProcess) throws -> Int {
        try larder.figure("sharing", "fetches_left_behind")
    }

    @Test("A request that is nobody else's is cancelled", arguments: HoldingOrigin.Kind.allCases)
    private func uncached(_ kind: HoldingOrigin.Kind) throws {
        for cache in ["", "background_fill: off"] {
            try play(kind, cache: cache) { larder, origin in
                try ask(larder, origin).socket.reset()
                #expect(eventually(within: 20) { origin.cancelledCount == 1 }, "\(cache)")
                #expect(try larder.get("/answer").status == 200)
            }
        }
    }

    @Test("One that others wait for goes on for them", arguments: HoldingOrigin.Kind.allCases)
    private func shared(_ kind: HoldingOrigin.Kind) throws {
        try play(kind, cache: "background_fill: off") { larder, origin in
            let first = try ask(larder, origin)
            let others = try larder.ask("/x", times: 3)
            try larder.awaitReading(others)
            first.socket.reset()
            #expect(try eventually(within: 20) { try continuedAlone(larder) == 1 })
            #expect(try larder.get("/answer").status == 200)
            for other in others { #expect(try other.response().text == "late") }
            #expect(origin.heldCount == 1 && origin.cancelledCount == 0)
        }
    }

    @Test("One whose response is to be stored goes on for the store", arguments: HoldingOrigin.Kind.allCases)
    private func stored(_ kind: HoldingOrigin.Kind) throws {
        try play(kind, cache: "timeout: 60s") { larder, origin in
            try ask(larder, origin).socket.reset()
            #expect(try eventually(within: 20) { try continuedAlone(larder) == 1 })
            #expect(try larder.get("/answer").status == 200)
            #expect(try larder.awaitHit("/x", within: 20).text == "late")
            #expect(origin.heldCount == 1 && origin.cancelledCount == 0)
        }
    }

    @Test("RFC 9112 §9.6: a client that only ends its side gets its response", arguments: HoldingOrigin.Kind.allCases)
    private func halfClosed(_ kind: HoldingOrigin.Kind) throws {
        try play(kind, cache: "") { larder, origin in
            let client = try ask(larder, origin)
            client.socket.finishSending()
            #expect(try larder.get("/answer").status == 200)
            #expect(try client.readResponse().text == "late")
            #expect(origin.cancelledCount == 0)
        }
    }
}
