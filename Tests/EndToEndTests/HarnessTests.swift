import Foundation
import TestSupport
import Testing

// The harness against itself and against real programs: a test that trusts its tools has tried them.

@Suite("The harness")
struct HarnessTests {
    @Test("A scripted origin receives what a raw client sends and answers byte for byte")
    func roundTrip() throws {
        try Stage.run { stage in
            let origin = try stage.origin { exchange in
                try exchange.readBody()
                try exchange.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n")
                try exchange.send("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-End: yes\r\n\r\n")
            }
            let client = try RawClient(origin.endpoint)
            for _ in 0..<2 {
                let response = try client.request("POST", "/x?y=1", ["X-A: b"], body: Array("hello".utf8))
                #expect(response.status == 200)
                #expect(response.text == "abcde")
                #expect(response.interim.map { $0["Link"] } == ["</a>"])
                #expect(response.trailers == [Field(name: "X-End", value: "yes")])
                #expect(response.isComplete)
            }
            #expect(origin.requests(for: "/x").map(\.body.text) == ["hello", "hello"])
            #expect(origin.requests().first?["x-a"] == "b")
            #expect(origin.connections == 1)
        }
    }

    @Test("A body that ends early is seen as incomplete, a reset as a reset")
    func brokenBodies() throws {
        try Stage.run { stage in
            let origin = try stage.origin()
            let short = origin.script { exchange in
                try exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
                exchange.close()
            }
            let reset = origin.script { $0.reset() }
            let response = try RawClient(origin.endpoint).request("GET", short)
            #expect(!response.isComplete)
            #expect(response.text == "abc")
            #expect(throws: SocketError.reset) { try RawClient(origin.endpoint).request("GET", reset) }
        }
    }

    @Test("A client's time-out ends the wait for an origin that hangs")
    func hanging() throws {
        try Stage.run { stage in
            let origin = try stage.origin { $0.hang() }
            #expect(throws: SocketError.timedOut) { try RawClient(origin.endpoint, timeout: 0.1).request("GET", "/") }
        }
    }

    @Test("A real Redis starts, dies, comes back empty, freezes and thaws")
    func redis() throws {
        try Stage.run { stage in
            let redis = try stage.redis(password: "secret")
            #expect(try redis.command("SET", "a", "b") == .simple("OK"))
            #expect(try redis.command("GET", "a") == .bulk(Array("b".utf8)))
            redis.kill()
            #expect(throws: SocketError.refused) { try redis.command("GET", "a") }
            try redis.start()
            #expect(try redis.command("GET", "a") == .null)
            redis.freeze()
            #expect(throws: SocketError.timedOut) { try RedisClient(.port(redis.port), timeout: 0.2).command(["PING"]) }
            redis.thaw()
            #expect(try redis.command("PING") == .simple("PONG"))
        }
    }

    @Test("nginx and Python serve files, and curl and wrk get them")
    func realPrograms() throws {
        try Stage.run { stage in
            let nginx = try stage.nginx()
            try nginx.put("a.txt", Array("from nginx".utf8))
            let python = try stage.python()
            try python.put("a.txt", "from python")
            #expect(try curl("\(nginx.url)/a.txt").output == "from nginx")
            #expect(try curl("\(python.url)/a.txt").output == "from python")
            let good = try stage.wrk("\(nginx.url)/a.txt", seconds: 1, connections: 2).report()
            #expect(good.failures == 0)
            #expect(good.requests > 100)
            let bad = try stage.wrk("\(nginx.url)/missing", seconds: 1, connections: 2).report()
            #expect(bad.failures == bad.requests)
        }
    }

    @Test("A WebSocket echo answers messages of both length forms")
    func webSocket() throws {
        try Stage.run { stage in
            let origin = try stage.origin { try WebSocket.echo($0) }
            let client = try RawClient(origin.endpoint)
            try client.send(RawClient.request("GET", "/", WebSocket.requestFields))
            #expect(try client.readResponse()["Sec-WebSocket-Accept"] == WebSocket.accept)
            for count in [5, 1_000] {
                let message = [UInt8](repeating: 97, count: count)
                try client.send(WebSocket.frame(message, masked: true))
                var buffer: [UInt8] = []
                while buffer.count < WebSocket.frame(message, masked: false).count {
                    buffer += try client.socket.receive()
                }
                #expect(WebSocket.takeMessage(&buffer) == message)
            }
        }
    }

    @Test("What a stage started is gone when it is cleared")
    func clearing() throws {
        let (pid, port) = try Stage.run { stage in
            let process = stage.keep(try ChildProcess(["sleep", "60"])) { $0.stop() }
            return (process.pid, try stage.origin().port)
        }
        #expect(kill(pid, 0) == -1)
        #expect(throws: SocketError.refused) { try RawClient(.port(port)) }
    }
}
