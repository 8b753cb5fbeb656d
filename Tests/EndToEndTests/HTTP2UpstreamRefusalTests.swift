import Foundation
import TestSupport
import Testing

// HTTP/2 upstreams that take connections and no requests: how long these wait, what they come to, and how many connections that
// costs.

@Suite("RFC 9113: origins that take no requests over HTTP/2")
struct HTTP2UpstreamRefusalTests {
    private func play(
        _ upstream: String, settings: [(UInt16, UInt32)] = [],
        _ handler: @escaping HTTP2Origin.Handler, _ body: (LarderProcess, HTTP2Origin) throws -> Void,
        greet: @escaping @Sendable (HTTP2Origin.Connection) throws -> Void = { _ in }
    ) throws {
        try Stage.run { stage in
            let origin = stage.keep(try HTTP2Origin(settings: settings, greet: greet, handler)) { $0.stop() }
            let configuration = LarderConfiguration(
                upstreams: "origin: {servers: \"\(origin.url)\", \(upstream)}",
                routes: "- {path: \"/{rest...}\", upstream: origin}", server: "workers: 1")
            try body(try stage.larder(configuration), origin)
        }
    }

    private static let takesNone: [(UInt16, UInt32)] = [(3, 0)]

    /// What is sent before the SETTINGS are known is refused.
    @Sendable private static func refuse(_ origin: HTTP2Origin.Connection, _ frame: HTTP2Frame) throws {
        if frame.isKind(.headers) { try origin.send(HTTP2.reset(frame.stream, 7)) }
    }

    @Test("§6.5.2: where a server takes no streams, requests wait on the connection that there is, and then are told")
    func takesNone() throws {
        try play("connect_timeout: 250ms", settings: Self.takesNone, Self.refuse) { larder, origin in
            for _ in 0..<5 {
                let response = try larder.request("POST", "/x", body: [1])
                #expect(response.status == 504 && response.text.contains("origin-connect-timeout"), "\(response.text)")
            }
            let responses = try HTTP2UpstreamScene.together(larder, (0..<20).map { ("GET", "/\($0)") })
            #expect(responses.allSatisfy { $0.status == 504 })
            // A second one only if the first had become idle for its time.
            #expect(origin.connections <= 2)
            #expect(origin.frames(.headers).count == 1)
        }
    }

    @Test("Beyond max_streams nobody waits")
    func bound() throws {
        try play("connect_timeout: 4s, max_streams: 2", settings: Self.takesNone, Self.refuse) { larder, origin in
            let waiting = try (0..<2).map { try Asking(larder, "/\($0)") }
            #expect(eventually(within: 10) { origin.frames(.headers).count >= 1 })
            try larder.awaitReading(waiting)
            #expect(
                try eventually(within: 10) {
                    try larder.figure("totals", "origin_connections", "http2", "given_back") >= 1
                })
            let next = try larder.get("/next")
            #expect(next.status == 503 && next.text.contains("origin-busy"), "\(next.text)")
            #expect(origin.connections == 1)
            for asking in waiting { #expect(try asking.response(within: 20).status == 504) }
        }
    }

    @Test("As soon as the server takes streams again, those that wait go out, as many as it says", .tags(.must))
    func takesAgain() throws {
        let gate = Switch()
        try play("connect_timeout: 30s", settings: Self.takesNone) { origin, frame in
            guard frame.isKind(.headers) else { return }
            if gate.isOn { return try origin.respond(frame.stream, body: "served") }
            try Self.refuse(origin, frame)
            nonisolated(unsafe) let origin = origin
            Thread.detachNewThread {
                while !gate.isOn { Thread.sleep(forTimeInterval: 0.005) }
                try? origin.send(HTTP2.settings([(3, 1)]))
            }
        } _: { larder, origin in
            let waiting = try (0..<4).map { try Asking(larder, "/\($0)", method: $0 == 0 ? "POST" : "GET") }
            #expect(eventually(within: 10) { !origin.frames(.headers).isEmpty })
            try larder.awaitReading(waiting)
            #expect(waiting.allSatisfy { !$0.isOver })
            gate.turnOn()
            for asking in waiting { #expect(try asking.response(within: 20).text == "served") }
            #expect(origin.connections == 1)
        }
    }

    @Test("Those that wait find another connection when theirs ends", arguments: [true, false])
    func leaves(saysGoodbye: Bool) throws {
        let gate = Switch()
        try play("connect_timeout: 30s", settings: Self.takesNone) { origin, frame in
            guard frame.isKind(.headers) else { return }
            if origin.number > 1 { return try origin.respond(frame.stream, body: "second") }
            try Self.refuse(origin, frame)
            nonisolated(unsafe) let origin = origin
            Thread.detachNewThread {
                while !gate.isOn { Thread.sleep(forTimeInterval: 0.005) }
                if saysGoodbye { try? origin.goAway(last: 1) } else { origin.socket.interrupt() }
            }
        } _: { larder, origin in
            let waiting = try ["POST", "GET"].map { try Asking(larder, "/x", method: $0) }
            #expect(eventually(within: 10) { !origin.frames(.headers).isEmpty })
            try larder.awaitReading(waiting)
            gate.turnOn()
            for asking in waiting { #expect(try asking.response(within: 20).text == "second") }
            #expect(origin.connections == 2)
        } greet: { origin in
            if origin.number > 1 { try origin.send(HTTP2.settings([(3, 100)])) }
        }
    }

    @Test(
        "§6.8: an origin that says goodbye at once, on every connection, is tried so often as `retries` says, and ejected"
    )
    func goodbyeAtOnce() throws {
        for settings in [[], Self.takesNone] {
            try play("retries: 1, connect_timeout: 500ms", settings: settings) { _, _ in
            } _: { larder, origin in
                for _ in 0..<5 {
                    let response = try larder.request("POST", "/x", body: [1])
                    #expect(response.status == 502 && response.text.contains("origin-closed"), "\(response.text)")
                }
                // The first attempt, one for nothing, and one retry.
                #expect((5...15).contains(origin.connections), "\(origin.connections)")
                let before = origin.connections
                let responses = try HTTP2UpstreamScene.together(larder, (0..<30).map { ("GET", "/\($0)") })
                #expect(responses.allSatisfy { $0.status == 502 })
                #expect(origin.connections - before <= 90)
                #expect(
                    try larder.admin("GET", "/metrics").text.contains(
                        "larder_upstream_up{upstream=\"origin\",server=\"\(origin.url)\"} 0"))
            } greet: { origin in
                try origin.goAway(last: 0)
            }
        }
    }

    @Test("A server that says goodbye at once is left alone while another one serves")
    func anotherServes() throws {
        try Stage.run { stage in
            let bad = stage.keep(try HTTP2Origin(greet: { try $0.goAway(last: 0) }, { _, _ in })) { $0.stop() }
            let good = stage.keep(
                try HTTP2Origin { if $1.isKind(.headers) { try $0.respond($1.stream, body: "good") } }
            ) { $0.stop() }
            let configuration = LarderConfiguration(
                upstreams: "origin: {servers: [\"\(bad.url)\", \"\(good.url)\"]}",
                routes: "- {path: \"/{rest...}\", upstream: origin}", server: "workers: 1")
            let larder = try stage.larder(configuration)
            for number in 0..<40 {
                let response = try larder.request(number % 2 == 0 ? "GET" : "POST", "/x", body: [])
                #expect(response.text == "good", "\(response.head.startLine)")
            }
        }
    }
}
