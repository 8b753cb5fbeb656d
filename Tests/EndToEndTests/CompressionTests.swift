import Foundation
import TestSupport
import Testing

// Compression by route: what is compressed, what never is, and that what is stored is one thing in several codings.

@Suite("compress: responses in the coding that the client likes best, stored that way")
struct CompressionTests {
    let scene: CompressionScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try CompressionScene.shared.get() }

    private func document(_ json: VersionedJSON, under prefix: String = "/t") -> String {
        origin.script(prefix) { try json.answer($0) }
    }

    @Test("Each coding is stored, and decodes to what the origin sent", arguments: Backend.allCases)
    func stored(_ backend: Backend) throws {
        let larder = scene[backend]
        let json = VersionedJSON()
        let path = document(json)
        for (accepts, coding) in [
            ("gzip, deflate", "gzip"), ("br;q=1, gzip;q=0.9", "br"), ("gzip, deflate, br, zstd", "zstd"), ("", nil),
            ("gzip;q=0.5, identity", nil),
        ] {
            let fields = ["Accept-Encoding: \(accepts)"]
            try larder.fill(path, fields)
            for _ in 0..<2 {
                let response = try larder.get(path, fields)
                #expect(response.xCache == "HIT", "\(response.head)")
                #expect(response["Content-Encoding"] == coding)
                #expect(response.decoded == json.content(1))
                #expect(response.varyNames == ["accept-encoding"])
                #expect(response["ETag"] == (coding == nil ? "\"v1\"" : "W/\"v1\""))
                #expect(response["Content-Length"] == "\(response.body.count)")
                #expect(response["Via"] == "1.1 larder")
                if coding != nil { #expect(response.body.count < json.size / 3) }
            }
        }
        // Without the field: no coding, and the same entry.
        #expect(try larder.get(path).xCache == "HIT")
        let asked = origin.requests(for: path).map { $0["Accept-Encoding"] ?? "none" }
        #expect(Set(asked) == ["identity"])
        // One response is enough for all of them; a remote store alone isn't looked through for other codings.
        if backend == .memory { #expect(asked.count == 1) } else { #expect(asked.count <= 4) }
    }

    @Test("The first response is compressed as it arrives, whole or in chunks", arguments: Backend.allCases)
    func firstResponse(_ backend: Backend) throws {
        let larder = scene[backend]
        let content = VersionedJSON(size: 900_000).content(1)
        for coding in ["gzip", "br", "zstd"] {
            for isChunked in [false, true] {
                let path = origin.script { exchange in
                    try exchange.readBody()
                    var head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: max-age=60\r\n"
                    head +=
                        isChunked ? "Transfer-Encoding: chunked\r\n\r\n" : "Content-Length: \(content.count)\r\n\r\n"
                    try exchange.send(head)
                    guard isChunked else { return try exchange.send(content) }
                    for start in stride(from: 0, to: content.count, by: 50_000) {
                        let piece = content[start..<min(start + 50_000, content.count)]
                        try exchange.send("\(String(piece.count, radix: 16))\r\n")
                        try exchange.send(Array(piece))
                        try exchange.send("\r\n")
                    }
                    try exchange.send("0\r\n\r\n")
                }
                let first = try larder.get(path, ["Accept-Encoding: \(coding)"])
                #expect(first["Content-Encoding"] == coding)
                #expect(first.isComplete && first.decoded == content)
                // Larger than what is stored, but for its coding.
                try larder.fill(path, ["Accept-Encoding: \(coding)"])
                #expect(try larder.get(path, ["Accept-Encoding: \(coding)"]).decoded == content)
            }
        }
    }

    @Test(
        "What is small, coded, of another type or not to be changed passes as it is",
        arguments: [
            ["Content-Type: image/png"], ["Content-Type: application/octet-stream"], [],
            ["Content-Type: application/json", "Content-Encoding: gzip"],
            ["Content-Type: application/json", "Cache-Control: max-age=60, no-transform"],
            ["Content-Type: application/json", "Content-Digest: sha-256=:AAAA:"],
            ["Content-Type: application/json", "Digest: md5=AAAA"],
        ])
    func unchanged(_ fields: [String]) throws {
        let body = String(repeating: "abcdefgh", count: 1000)
        for prefix in ["/t", "/pass/t"] {
            let told = ["Cache-Control: max-age=60", "ETag: \"x\""] + fields
            let path = origin.script(prefix) { try $0.respond(200, told, body: body) }
            let response = try scene[.memory].get(path, ["Accept-Encoding: gzip, br"])
            #expect(response.text == body)
            #expect(response["ETag"] == "\"x\"")
            #expect(response["Vary"] == nil)
            #expect(response.head.all("Content-Encoding").count == (fields.contains { $0.contains("gzip") } ? 1 : 0))
        }
    }

    @Test("A small response is one entry for all clients", arguments: Backend.both)
    func small(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = document(VersionedJSON(size: 200))
        try larder.fill(path, ["Accept-Encoding: gzip"])
        for accepts in ["br", "", "zstd, gzip;q=0"] {
            let response = try larder.get(path, ["Accept-Encoding: \(accepts)"])
            #expect(response.xCache == "HIT" && response["Content-Encoding"] == nil && response["Vary"] == nil)
        }
    }

    @Test("codings, types, min and level of the route count")
    func keys() throws {
        let larder = scene[.memory]
        let path = document(VersionedJSON(size: 150, type: "text/versions; charset=utf-8"), under: "/keys/t")
        let response = try larder.get(path, ["Accept-Encoding: zstd, gzip"])
        #expect(response["Content-Encoding"] == "gzip")
        #expect(try larder.get(path, ["Accept-Encoding: zstd"])["Content-Encoding"] == nil)
        let other = document(VersionedJSON(), under: "/keys/t")
        #expect(try larder.get(other, ["Accept-Encoding: gzip"])["Content-Encoding"] == nil)
        let off = document(VersionedJSON(), under: "/off/t")
        #expect(try larder.get(off, ["Accept-Encoding: gzip, deflate"])["Content-Encoding"] == nil)
        #expect(origin.requests(for: off).first?["Accept-Encoding"] == "gzip")
    }

    @Test(
        "RFC 9110 §12.5.3: who refuses a response without a coding, and knows none of ours, is the origin's to answer")
    func refusesIdentity() throws {
        let path = document(VersionedJSON())
        _ = try scene[.memory].get(path, ["Accept-Encoding: deflate, identity;q=0"])
        #expect(origin.requests(for: path).first?["Accept-Encoding"] == "deflate, identity;q=0")
    }

    @Test("HEAD says what GET would", arguments: Backend.both)
    func head(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = document(VersionedJSON())
        let fields = ["Accept-Encoding: gzip"]
        for _ in 0..<2 {
            let head = try larder.request("HEAD", path, fields)
            #expect(head["Content-Encoding"] == "gzip" && head["ETag"] == "W/\"v1\"")
            #expect(head.varyNames == ["accept-encoding"])
            try larder.fill(path, fields)
        }
        #expect(try larder.request("HEAD", path, fields).xCache == "HIT")
    }

    // MARK: Conditions

    @Test("RFC 9110 §13.1.2: the weak entity-tag answers If-None-Match, in every coding", arguments: Backend.allCases)
    func notModified(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = document(VersionedJSON())
        for accepts in ["gzip", "br", "zstd", "identity"] {
            try larder.fill(path, ["Accept-Encoding: \(accepts)"])
            for tag in ["W/\"v1\"", "\"v1\"", "\"v0\", W/\"v1\""] {
                let response = try larder.get(path, ["Accept-Encoding: \(accepts)", "If-None-Match: \(tag)"])
                #expect(response.status == 304 && response.xCache == "HIT", "\(accepts) \(tag)")
                #expect(response["ETag"] == (accepts == "identity" ? "\"v1\"" : "W/\"v1\""))
                #expect(response.varyNames == ["accept-encoding"])
            }
            let response = try larder.get(path, ["Accept-Encoding: \(accepts)", "If-None-Match: W/\"v0\""])
            #expect(response.status == 200)
        }
    }

    @Test(
        "RFC 9111 §4.3: what is validated is asked for with the origin's own entity-tag, and stays coded",
        arguments: Backend.allCases)
    func validated(_ backend: Backend) throws {
        let larder = scene[backend]
        let json = VersionedJSON(control: "no-cache")
        let path = document(json)
        let fields = ["Accept-Encoding: gzip"]
        _ = try larder.get(path, fields)
        for _ in 0..<3 {
            let revalidated = try eventually { try larder.get(path, fields).xCache == "REVALIDATED" }
            #expect(revalidated)
            let response = try larder.get(path, fields)
            #expect(response["Content-Encoding"] == "gzip" && response["ETag"] == "W/\"v1\"", "\(response.head)")
            #expect(response.decoded == json.content(1))
            #expect(response.varyNames == ["accept-encoding"])
        }
        let conditions = origin.requests(for: path).compactMap { $0["If-None-Match"] }
        #expect(Set(conditions) == ["\"v1\""])
        json.change()
        let changed = try larder.get(path, fields)
        #expect(changed.decoded == json.content(2) && changed["ETag"] == "W/\"v2\"")
        let condition = try larder.get(path, fields + ["If-None-Match: W/\"v2\""])
        #expect(condition.status == 304 && condition["ETag"] == "W/\"v2\"")
    }

    @Test("Past the cache, conditions reach the origin in a form that it can compare")
    func conditionsOnPass() throws {
        let larder = scene[.memory]
        let json = VersionedJSON()
        let path = document(json, under: "/pass/t")
        let put = try larder.request("PUT", path, ["If-Match: W/\"v1\"", "Accept-Encoding: gzip"], body: [])
        #expect(put.status == 200)
        #expect(origin.requests(for: path).last?["If-Match"] == "\"v1\"")
        _ = try larder.request("PUT", path, ["If-Match: W/\"a\", \"W/\",W/\"b,W/\""], body: [])
        #expect(origin.requests(for: path).last?["If-Match"] == "\"a\", \"W/\",\"b,W/\"")
        let same = origin.script("/pass/t") { try $0.respond(304, ["ETag: \"v1\""]) }
        for (tag, told) in [("W/\"v1\"", "W/\"v1\""), ("\"v1\"", "\"v1\""), ("W/\"v1\", \"v1\"", "\"v1\"")] {
            let response = try larder.get(same, ["If-None-Match: \(tag)", "Accept-Encoding: gzip"])
            #expect(response.status == 304 && response["ETag"] == told)
            #expect(response.varyNames == ["accept-encoding"])
        }
    }

    @Test("RFC 9110 §14: a range is one of content without a coding", arguments: Backend.allCases)
    func ranges(_ backend: Backend) throws {
        let larder = scene[backend]
        let json = VersionedJSON()
        let path = document(json)
        try larder.fill(path, ["Accept-Encoding: gzip"])
        let whole = json.content(1)
        for fields in [[], ["If-Range: \"v1\""]] {
            let part = try larder.get(path, ["Accept-Encoding: gzip", "Range: bytes=10-99"] + fields)
            #expect(part.status == 206 && part.body == Array(whole[10..<100]), "\(part.head)")
            #expect(part["Content-Encoding"] == nil && part["ETag"] == "\"v1\"")
            #expect(part["Content-Range"] == "bytes 10-99/\(whole.count)")
        }
        // A weak entity-tag says nothing of bytes.
        let other = try larder.get(path, ["Accept-Encoding: gzip", "Range: bytes=10-99", "If-Range: W/\"v1\""])
        #expect(other.status == 200 && other.decoded == whole)
        let again = try larder.get(path, ["Accept-Encoding: gzip"])
        #expect(again.xCache == "HIT" && again["Content-Encoding"] == "gzip" && again["Accept-Ranges"] == nil)
    }

    // MARK: One response

    @Test("A purge, and a write, are of all codings", arguments: Backend.allCases)
    func purged(_ backend: Backend) throws {
        let larder = scene[backend]
        let json = VersionedJSON()
        let path = document(json)
        let all = ["gzip", "br", "zstd", "identity"]
        for invalidate in [0, 1] {
            for accepts in all { try larder.fill(path, ["Accept-Encoding: \(accepts)"]) }
            if invalidate == 0 {
                let body = Array("{\"urls\":[\"http://api.example\(path)\"]}".utf8)
                #expect(
                    try larder.admin("POST", "/purge", ["Content-Type: application/json"], body: body).status == 200)
            } else {
                #expect(try larder.request("DELETE", path).status == 200)
            }
            for accepts in all { #expect(try !larder.isStored(path, ["Accept-Encoding: \(accepts)"]), "\(accepts)") }
        }
    }

    @Test("A new version in one coding takes the place of old ones in all", arguments: [Backend.memory, .tiered])
    func newVersion(_ backend: Backend) throws {
        let larder = scene[backend]
        let json = VersionedJSON()
        let path = document(json)
        for accepts in ["gzip", "br", "identity"] { try larder.fill(path, ["Accept-Encoding: \(accepts)"]) }
        json.change()
        let reloaded = try larder.get(path, ["Accept-Encoding: gzip", "Cache-Control: no-cache"])
        #expect(reloaded.decoded == json.content(2))
        for accepts in ["br", "identity", "gzip", "zstd"] {
            let isNew = try eventually {
                try larder.get(path, ["Accept-Encoding: \(accepts)"]).decoded == json.content(2)
            }
            #expect(isNew, "\(accepts)")
        }
    }

    // MARK: Streams

    @Test("Past the cache each piece of a stream goes out at once", arguments: ["gzip", "br", "zstd"])
    func stream(_ coding: String) throws {
        let gate = Switch()
        let path = origin.script("/pass/t") { exchange in
            try exchange.send(
                "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n")
            try exchange.send("8\r\n{\"n\":1}\n\r\n")
            eventually(within: 30) { gate.isOn }
            try exchange.send("8\r\n{\"n\":2}\n\r\n0\r\n\r\n")
        }
        let client = try scene[.memory].client(timeout: 20)
        defer { client.close() }
        try client.send(RawClient.request("GET", path, ["Accept-Encoding: \(coding)"]))
        var received: [UInt8] = []
        let response = try client.readResponse { piece in
            received += piece
            gate.turnOn()
        }
        #expect(response["Content-Encoding"] == coding && response.isComplete)
        #expect(decoded(received, coding) == Array("{\"n\":1}\n{\"n\":2}\n".utf8))
    }

    @Test("Server-sent events are passed on as they come")
    func events() throws {
        for prefix in ["/t", "/pass/t"] {
            let path = origin.script(prefix) { exchange in
                try exchange.send(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
                try exchange.send("9\r\ndata: 1\n\n\r\n0\r\n\r\n")
            }
            let response = try scene[.memory].get(path, ["Accept-Encoding: gzip"])
            #expect(response.text == "data: 1\n\n" && response["Content-Encoding"] == nil)
        }
    }

    @Test("A response that breaks off stays broken", arguments: ["gzip", "br", "zstd"])
    func brokenOff(_ coding: String) throws {
        let path = origin.script { exchange in
            try exchange.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: max-age=60\r\n")
            try exchange.send("Content-Length: 100000\r\n\r\n" + String(repeating: "{}", count: 20_000))
            exchange.close()
        }
        let response = try? scene[.memory].get(path, ["Accept-Encoding: \(coding)"])
        #expect(response?.isComplete != true || response?.status == 502)
        #expect(try !scene[.memory].isStored(path, ["Accept-Encoding: \(coding)"]))
    }

    // MARK: Tools

    @Test("curl --compressed gets what the origin sent", arguments: Backend.allCases)
    func curlCompressed(_ backend: Backend) throws {
        let json = VersionedJSON()
        let path = document(json)
        for _ in 0..<3 {
            let finished = try curl(
                "--compressed", "-H", "Host: api.example", "\(scene[backend].url)\(path)")
            #expect(finished.status == 0 && Array(finished.output.utf8) == json.content(1))
        }
    }

    @Test("explain shows the coding that the key has, and /stats what was compressed")
    func explained() throws {
        let larder = scene[.memory]
        let path = document(VersionedJSON())
        try larder.fill(path, ["Accept-Encoding: gzip"])
        let query = "method=GET&url=http%3A%2F%2Fapi.example\(path)&h=Accept-Encoding%3A%20br%2C%20gzip%3Bq%3D0.1"
        let text = try larder.admin("GET", "/explain?\(query)").text
        #expect(text.contains("\"accept-encoding\"") && text.contains("\"br\""), "\(text)")
        #expect(text.contains("\"compress\""), "\(text)")
        #expect(try larder.figure("compression", "responses") > 0)
        #expect(try larder.admin("GET", "/config").text.contains("codings: [zstd, br, gzip]"))
        #expect(try larder.admin("GET", "/metrics").text.contains("larder_compressed_responses_total"))
    }
}
