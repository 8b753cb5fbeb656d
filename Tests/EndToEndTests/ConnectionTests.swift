import Foundation
import TestSupport
import Testing

// Connections on both sides: kept, closed, pipelined, half-closed (RFC 9112 §9).

@Suite("RFC 9112 §9: connections to clients and origins")
struct ConnectionTests {
    static let shared = Result { try Scene { .caching($0, cache: "") } }
    let scene: Scene
    var origin: ScriptedOrigin { scene.origin }
    var larder: LarderProcess { scene.larder }

    init() throws { scene = try Self.shared.get() }

    @Test("RFC 9112 §9.3: a connection is kept for the next request")
    func keepAlive() throws {
        let path = origin.script(200, body: "ok")
        let client = try larder.client()
        for number in 1...3 { #expect(try client.request("GET", "\(path)?\(number)").text == "ok") }
        #expect(origin.count(for: path) == 3)
    }

    @Test("RFC 9112 §9.6: Connection: close ends it after the answer")
    func close() throws {
        let path = origin.script(200, body: "ok")
        let client = try larder.client()
        let response = try client.request("GET", path, ["Connection: close"])
        #expect(response.text == "ok")
        #expect(response["Connection"]?.lowercased() == "close")
        #expect(client.isClosedByPeer())
    }

    @Test("RFC 9112 §9.3.2: pipelined requests are answered in their order, the slow one first")
    func pipelining() throws {
        let path = origin.script { exchange in
            if exchange.request.target.hasSuffix("?1") { exchange.pause(0.2) }
            try exchange.respond(body: exchange.request.target)
        }
        let client = try larder.client()
        let targets = (1...6).map { "\(path)?\($0)" }
        try client.send(targets.flatMap { RawClient.request("GET", $0) })
        #expect(try targets.map { _ in try client.readResponse().text } == targets)
    }

    @Test("Pipelined requests with bodies are told apart")
    func pipeliningWithBodies() throws {
        let path = origin.script { try $0.respond(body: $0.readBody().text) }
        let client = try larder.client()
        let chunked = "POST \(path) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n"
        try client.send(
            RawClient.request("POST", path, body: Array("one".utf8)) + Array(chunked.utf8)
                + RawClient.request("PUT", path, body: Array("three".utf8)))
        #expect(try (0..<3).map { _ in try client.readResponse().text } == ["one", "two", "three"])
    }

    @Test("RFC 9112 §9.3: an HTTP/1.0 client gets a body that ends with the connection")
    func oldClient() throws {
        let path = origin.script { exchange in
            try exchange.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n")
        }
        let client = try larder.client()
        try client.send("GET \(path) HTTP/1.0\r\nHost: a\r\n\r\n")
        let response = try client.readResponse()
        #expect(response.head.startLine.hasPrefix("HTTP/1.1 200"))
        #expect(response["Transfer-Encoding"] == nil)
        #expect(response.text == "abcdef")
        #expect(client.isClosedByPeer())
    }

    @Test("RFC 9112 §9.3: an HTTP/1.0 client without Host is served")
    func oldClientWithoutHost() throws {
        let path = origin.script(200, body: "ok")
        let client = try larder.client()
        try client.send("GET \(path) HTTP/1.0\r\n\r\n")
        #expect(try client.readResponse().text == "ok")
    }

    @Test("A client that sends its end after the request still gets its answer")
    func halfClosed() throws {
        let path = origin.script { exchange in
            exchange.pause(0.1)
            try exchange.respond(body: "late")
        }
        let client = try larder.client()
        try client.send(RawClient.request("GET", path))
        client.socket.finishSending()
        #expect(try client.readResponse().text == "late")
        #expect(client.isClosedByPeer())
    }

    @Test("A request cut short is not passed on as whole")
    func cutRequest() throws {
        let path = origin.script(200, body: "ok")
        let client = try larder.client()
        try client.send("POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        client.close()
        #expect(try larder.get(origin.script(200, body: "alive")).text == "alive")
        #expect(!origin.requests(for: path).contains { $0.isComplete })
    }

    @Test("Connections to the origin are kept and used again")
    func originPool() throws {
        try Stage.run { stage in
            let scene = try Scene(stage: stage) {
                LarderConfiguration(
                    upstreams: "origin: \($0)", routes: "- path: /{rest...}\n  upstream: origin",
                    server: "workers: 1\ndrain: 5s")
            }
            let path = scene.origin.script(200, body: "ok")
            for _ in 0..<10 { #expect(try scene.larder.get(path).status == 200) }
            #expect(scene.origin.connections == 1)
        }
    }
}
