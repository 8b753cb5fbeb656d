import Foundation
import TestSupport
import Testing

// Content both ways: its framings, interim responses before it, trailers behind it (RFC 9112 §6 and §7).

@Suite("RFC 9112 §6 and §7: content that passes through")
struct ContentTests {
    static let shared = Result { try Scene { .caching($0, cache: "") } }
    let scene: Scene
    var origin: ScriptedOrigin { scene.origin }
    var larder: LarderProcess { scene.larder }

    init() throws { scene = try Self.shared.get() }

    /// What the origin received for a path, once.
    private func received(_ path: String) throws -> ReceivedRequest {
        let requests = origin.requests(for: path)
        #expect(requests.count == 1)
        return try #require(requests.first)
    }

    @Test("RFC 9110 §9.3.2: HEAD has the fields of GET and no body")
    func head() throws {
        let path = origin.script(200, ["ETag: \"a\""], body: "hello")
        let client = try larder.client()
        let response = try client.request("HEAD", path)
        #expect(response["Content-Length"] == "5")
        #expect(response["ETag"] == "\"a\"")
        // The next answer starts where a body would have stood.
        #expect(try client.request("GET", path).text == "hello")
    }

    @Test("RFC 9110 §15: 204 and 304 end with their head", arguments: [204, 304])
    func withoutBody(_ status: Int) throws {
        let path = origin.script(status, ["ETag: \"a\""])
        let next = origin.script(200, body: "next")
        let client = try larder.client()
        let response = try client.request("GET", path, ["If-None-Match: \"a\""])
        #expect(response.status == status)
        #expect(response["Transfer-Encoding"] == nil)
        #expect(try client.request("GET", next).text == "next")
    }

    @Test("RFC 9112 §7.1: a chunked answer arrives in its pieces while the origin still sends")
    func chunkedAnswer() throws {
        let told = DispatchSemaphore(value: 0)
        let path = origin.script { exchange in
            try exchange.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
            // The rest only when the client has said that it saw the first piece.
            _ = told.wait(timeout: .now() + 5)
            try exchange.send("6\r\nsecond\r\n0\r\n\r\n")
        }
        let client = try larder.client()
        try client.send(RawClient.request("GET", path))
        var seen: [UInt8] = []
        while !seen.text.contains("first") { seen += try client.socket.receive() }
        #expect(!seen.text.contains("second"))
        told.signal()
        while !seen.text.contains("second\r\n0\r\n\r\n") { seen += try client.socket.receive() }
        #expect(seen.text.contains("Transfer-Encoding: chunked"))
    }

    @Test("RFC 9112 §6.3: an answer that ends with the connection arrives whole")
    func closeDelimited() throws {
        let path = origin.script { exchange in
            try exchange.send("HTTP/1.1 200 OK\r\n\r\nuntil the end")
            exchange.close()
        }
        let client = try larder.client()
        let response = try client.request("GET", path)
        #expect(response.text == "until the end")
        #expect(response.isComplete)
    }

    @Test("RFC 9112 §7.1: a chunked request reaches the origin with its body")
    func chunkedRequest() throws {
        let path = origin.script { try $0.respond(body: $0.readBody().text) }
        let client = try larder.client()
        try client.send("POST \(path) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in ["5;ext=1\r\nhello\r\n", "1\r\n \r\n", "005\r\nworld\r\n", "0\r\n\r\n"] { try client.send(piece) }
        #expect(try client.readResponse().text == "hello world")
    }

    @Test("Content that arrives while the origin is still being connected comes behind the head")
    func contentWhileConnecting() throws {
        // The origin closes after every answer, so that each request needs a new connection.
        let path = origin.script { exchange in
            let body = try exchange.readBody()
            try exchange.respond(200, ["Connection: close"], bytes: body)
            exchange.close()
        }
        let client = try larder.client()
        let content = [UInt8](repeating: 120, count: 40_000)
        for _ in 0..<200 {
            try client.send("POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: \(content.count)\r\n\r\n")
            for start in stride(from: 0, to: content.count, by: 10_000) {
                try client.send(Array(content[start..<start + 10_000]))
            }
            #expect(try client.readResponse().body == content)
        }
        #expect(origin.requests(for: path).allSatisfy { $0.body == content })
    }

    @Test("RFC 9110 §6.5: trailers are forwarded or dropped, never merged into the head")
    func trailers() throws {
        let path = origin.script { exchange in
            try exchange.readBody()
            try exchange.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n")
            try exchange.send("2\r\nok\r\n0\r\nX-Sum: 42\r\n\r\n")
        }
        let client = try larder.client()
        let request =
            "POST \(path) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\nConnection: TE\r\n\r\n"
        try client.send(request + "2\r\nhi\r\n0\r\nX-Mine: 1\r\n\r\n")
        let response = try client.readResponse()
        #expect(response.text == "ok")
        #expect(response["X-Sum"] == nil)
        #expect(response.trailers.isEmpty || response.trailers == [Field(name: "X-Sum", value: "42")])
        #expect(try received(path)["X-Mine"] == nil)
        #expect(try client.request("GET", path).text == "ok")
    }

    @Test("RFC 9110 §10.1.1: Expect: 100-continue gets its 100 before the body is sent")
    func expectContinue() throws {
        let path = origin.script { exchange in
            if exchange.request["Expect"] != nil { try exchange.send("HTTP/1.1 100 Continue\r\n\r\n") }
            try exchange.respond(body: exchange.readBody().text)
        }
        let client = try larder.client()
        try client.send("PUT \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        // Forwarded from the origin, or said by the daemon on its own.
        let interim = try #require(try client.readHead())
        #expect(Response.status(of: interim) == 100)
        try client.send("hello")
        #expect(try client.readResponse().text == "hello")
    }

    @Test("RFC 9110 §10.1.1: a client that does not wait for the 100 is served as well")
    func expectWithoutWaiting() throws {
        let path = origin.script { try $0.respond(body: $0.readBody().text) }
        let client = try larder.client()
        try client.send("PUT \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        try client.send("hello")
        #expect(try client.readResponse().text == "hello")
    }

    @Test("RFC 9110 §10.1.1: a refusal by the origin comes instead of the 100, or after it")
    func expectRefused() throws {
        let path = origin.script { exchange in
            try exchange.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
            exchange.close()
        }
        let client = try larder.client()
        try client.send("PUT \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        let response = try client.readResponse()
        #expect(response.status == 403)
        #expect(response.text == "no")
    }

    @Test("RFC 8297: 103 Early Hints arrive before the answer, several of them, and count as none")
    func earlyHints() throws {
        let path = origin.script { exchange in
            try exchange.send(
                "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </b.css>\r\n\r\n")
            try exchange.respond(body: "page")
        }
        let client = try larder.client()
        for _ in 0..<2 {
            let response = try client.request("GET", path)
            #expect(response.interim.map { Response.status(of: $0) } == [103, 103])
            #expect(response.interim.map { $0["Link"] } == ["</a.css>", "</b.css>"])
            #expect(response.text == "page")
            #expect(response["Link"] == nil)
        }
    }

    @Test("RFC 9110 §15.2: an HTTP/1.0 client gets no interim response")
    func earlyHintsToOldClient() throws {
        let path = origin.script { exchange in
            try exchange.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
            try exchange.respond(body: "page")
        }
        let client = try larder.client()
        try client.send("GET \(path) HTTP/1.0\r\nHost: a\r\n\r\n")
        let response = try client.readResponse()
        #expect(response.interim.isEmpty)
        #expect(response.text == "page")
    }
}
