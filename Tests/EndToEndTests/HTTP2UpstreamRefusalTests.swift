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

    @Test("§6.5.2: where a server takes no streams, requests wait on the connection that there is, and then are told")
    func takesNone() throws {
        try play("connect_timeout: 250ms", settings: Self.takesNone) { _, _ in
        } _: { larder, origin in
            for _ in 0..<5 {
                let response = try larder.request("POST", "/x", body: [1])
                #expect(response.status == 504 && response.text.contains("origin-connect-timeout"), "\(response.text)")
            }
            let responses = try HTTP2UpstreamScene.together(larder, (0..<20).map { ("GET", "/\($0)") })
            #expect(responses.allSatisfy { $0.status == 504 })
            // A second one only if the first had been idle for its time.
            #expect(origin.connections <= 2 && origin.frames(.headers).isEmpty)
        }
    }

    @Test("Beyond max_streams nobody waits")
    func bound() throws {
        try play("connect_timeout: 4s, max_streams: 2", settings: Self.takesNone) { _, _ in
        } _: { larder, origin in
            let waiting = try (0..<2).map { try Asking(larder, "/\($0)") }
            try larder.awaitReading(waiting)
            #expect(eventually(within: 10) { origin.frames(.settings).count >= 2 })
            let next = try larder.get("/next")
            #expect(next.status == 503 && next.text.contains("origin-busy"), "\(next.text)")
            #expect(origin.connections == 1)
            for asking in waiting { #expect(try asking.response(within: 20).status == 504) }
        }
    }

    /// Does something once the switch is on.
    @Sendable private static func when(
        _ gate: Switch, _ origin: HTTP2Origin.Connection, _ body: @escaping @Sendable (HTTP2Origin.Connection) -> Void
    ) {
        nonisolated(unsafe) let origin = origin
        Thread.detachNewThread {
            while !gate.isOn { Thread.sleep(forTimeInterval: 0.005) }
            body(origin)
        }
    }

    @Test("As soon as the server takes streams again, those that wait go out", .tags(.must))
    func takesAgain() throws {
        let gate = Switch()
        try play("connect_timeout: 30s", settings: Self.takesNone) { origin, frame in
            if frame.isKind(.headers) { try origin.respond(frame.stream, body: "served") }
        } _: { larder, origin in
            let waiting = try (0..<4).map { try Asking(larder, "/\($0)", method: $0 == 0 ? "POST" : "GET") }
            try larder.awaitReading(waiting)
            #expect(eventually(within: 10) { origin.frames(.settings).count >= 2 })
            #expect(waiting.allSatisfy { !$0.isOver } && origin.frames(.headers).isEmpty)
            gate.turnOn()
            for asking in waiting { #expect(try asking.response(within: 20).text == "served") }
            #expect(origin.connections == 1)
        } greet: { origin in
            Self.when(gate, origin) { try? $0.send(HTTP2.settings([(3, 100)])) }
        }
    }

    @Test("Those that wait find another connection when theirs ends", arguments: [true, false])
    func leaves(saysGoodbye: Bool) throws {
        let gate = Switch()
        try play("connect_timeout: 30s", settings: Self.takesNone) { origin, frame in
            if frame.isKind(.headers) { try origin.respond(frame.stream, body: "second") }
        } _: { larder, origin in
            let waiting = try ["POST", "GET"].map { try Asking(larder, "/x", method: $0) }
            try larder.awaitReading(waiting)
            #expect(eventually(within: 10) { origin.frames(.settings).count >= 2 })
            gate.turnOn()
            for asking in waiting { #expect(try asking.response(within: 20).text == "second") }
            #expect(origin.connections == 2)
        } greet: { origin in
            if origin.number > 1 { return try origin.send(HTTP2.settings([(3, 100)])) }
            Self.when(gate, origin) {
                if saysGoodbye { try? $0.goAway(last: 0) } else { $0.socket.interrupt() }
            }
        }
    }

    @Test(
        "§5.1.2: of a burst each request goes to a connection that has room for it, and none is refused", .tags(.must),
        arguments: [1, 10], ["GET", "POST"])
    func burst(limit: Int, method: String) throws {
        let active = Locked<[Int: Int]>([:])
        try play("retries: 0", settings: [(3, UInt32(limit))]) { origin, frame in
            guard frame.isKind(.headers) else { return }
            let number = origin.number
            let isTaken = active.withLock { active in
                active[number, default: 0] += 1
                return active[number]! <= limit
            }
            guard isTaken else { return try origin.send(HTTP2.reset(frame.stream, 7)) }
            let stream = frame.stream
            nonisolated(unsafe) let origin = origin
            Thread.detachNewThread {
                Thread.sleep(forTimeInterval: 0.05)
                active.withLock { $0[number]! -= 1 }
                try? origin.respond(stream, body: "served")
            }
        } _: { larder, origin in
            for _ in 0..<2 {
                let responses = try HTTP2UpstreamScene.together(larder, (0..<40).map { (method, "/\($0)") })
                #expect(responses.allSatisfy { $0.text == "served" })
            }
            #expect(try larder.figure("totals", "origin_connections", "http2", "given_back") == 0)
            #expect(origin.connections <= 2 * (40 / limit + 1))
        }
    }

    @Test("REFUSED_STREAM is no fault of the server: it stays up, however often")
    func refusesAll() throws {
        try play("retries: 1") { origin, frame in
            if frame.isKind(.headers) { try origin.send(HTTP2.reset(frame.stream, 7)) }
        } _: { larder, origin in
            for method in ["GET", "POST"] {
                let response = try larder.request(method, "/x", body: [])
                #expect(response.status == 502 && response.text.contains("origin-closed"))
            }
            #expect(
                try larder.admin("GET", "/metrics").text.contains(
                    "larder_upstream_up{upstream=\"origin\",server=\"\(origin.url)\"} 1"))
        }
    }

    @Test("A connection that says goodbye has a successor, whatever `max_connections` says", .tags(.must))
    func successor() throws {
        try play("max_connections: 1") { origin, frame in
            guard frame.isKind(.headers) else { return }
            guard origin.number == 1 else { return try origin.respond(frame.stream, body: "second") }
            try origin.send(HTTP2.headers(frame.stream, [(":status", "200")], ends: false))
            try origin.send(HTTP2.data(frame.stream, Array("begun ".utf8)))
            try origin.goAway(last: frame.stream)
        } _: { larder, origin in
            let client = try larder.client()
            defer { client.close() }
            try client.send(RawClient.request("GET", "/1"))
            #expect(try client.readHead() != nil)
            for _ in 0..<3 { #expect(try larder.get("/2").text == "second") }
            #expect(origin.connections == 2)
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

    @Test("A server that closes one connection to requests, by SETTINGS, is asked over another")
    func closesOne() throws {
        try play("connect_timeout: 5s") { origin, frame in
            guard frame.isKind(.headers) else { return }
            try origin.respond(frame.stream, body: "from \(origin.number)")
            if origin.number == 1 { try origin.send(HTTP2.settings([(3, 0)])) }
        } _: { (larder, origin) throws in
            #expect(try larder.get("/1").text == "from 1")
            // The server's SETTINGS are acknowledged, and therefore known.
            #expect(eventually(within: 10) { origin.frames(.settings).count >= 3 })
            for _ in 0..<4 { #expect(try larder.get("/2").text == "from 2") }
            #expect(origin.connections == 2)
        }
    }

    @Test(
        "A server that closes connections before it has said anything is as good as one that refuses them", .tags(.must)
    )
    func closesAtOnce() throws {
        try Stage.run { stage in
            let accepted = Locked(0)
            let listener = stage.keep(try Socket(listeningOn: .port(0))) {
                $0.interrupt()
                $0.close()
            }
            Thread.detachNewThread {
                while let socket = try? listener.accept() {
                    accepted.withLock { $0 += 1 }
                    socket.close()
                }
            }
            let good = stage.keep(
                try HTTP2Origin { if $1.isKind(.headers) { try $0.respond($1.stream, body: "good") } }
            ) { $0.stop() }
            for balance in ["round-robin", "hash"] {
                let configuration = LarderConfiguration(
                    upstreams: "origin: {servers: [\"h2c://127.0.0.1:\(listener.localPort)\", \"\(good.url)\"], "
                        + "balance: \(balance)}",
                    routes: "- path: /{rest...}\n  upstream: origin", server: "workers: 1")
                let larder = try stage.larder(configuration)
                for number in 0..<40 {
                    let response = try larder.request(number % 2 == 0 ? "GET" : "POST", "/x\(number)", body: [])
                    #expect(response.text == "good", "\(balance): \(response.head.startLine)")
                }
                // It is ejected after the first, and tried again once its pause is over.
                let count = accepted.withLock { accepted in
                    defer { accepted = 0 }
                    return accepted
                }
                #expect((1...8).contains(count), "\(balance): \(count) connections")
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
            #expect((1...8).contains(bad.connections))
        }
    }
}
