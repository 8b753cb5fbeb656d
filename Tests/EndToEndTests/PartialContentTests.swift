import Foundation
import TestSupport
import Testing

// Partial responses in the store: kept, combined, answered from, and completed by asking only for what is missing
// (RFC 9111 §3.3, §3.4; RFC 9110 §15.3.7.3).

@Suite("RFC 9111 §3.3 and §3.4: partial content that is stored, combined and completed")
struct PartialContentTests {
    let scene: StandardsScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try StandardsScene.shared.get() }

    private func script(_ content: VersionedContent = VersionedContent()) -> String {
        origin.script { try content.answer($0) }
    }

    /// What of `Range` and `If-Range` the origin was sent, request by request.
    private func asked(_ path: String) -> [[String?]] {
        origin.requests(for: path).map { [$0["Range"], $0["If-Range"]] }
    }

    @Test(
        "§3.3: a 206 is stored, and answers the same range and those within it", .tags(.choice),
        arguments: Backend.both)
    func storedPart(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = script()
        let first = try larder.fill(path, ["Range: bytes=100-299"])
        #expect(first.status == 206 && first.xCache == "MISS")
        #expect(try first.parts().map(\.range) == [100..<300])
        for (value, range) in [("100-299", 100..<300), ("150-199", 150..<200), ("100-100", 100..<101)] {
            let response = try larder.get(path, ["Range: bytes=\(value)"])
            #expect(response.xCache == "HIT", "\(value)")
            #expect(try response.parts().map(\.range) == [range])
            #expect(try response.version() == 1)
            #expect(response["Age"] != nil && response["ETag"] == "\"v1\"")
        }
        #expect(origin.count(for: path) == 1)
    }

    @Test(
        "§3.3: what is stored in part never answers as if it were the whole", .tags(.must), arguments: Backend.both)
    func notTheWhole(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = script()
        try larder.fill(path, ["Range: bytes=0-499"])
        #expect(try !larder.isStored(path))
        #expect(try !larder.isStored(path, ["Range: bytes=400-600"]))
        let whole = try larder.get(path)
        #expect(whole.status == 200 && whole.body == VersionedContent.bytes(1))
    }

    @Test("§3.4: two parts of one representation answer as one", .tags(.choice), arguments: Backend.both)
    func combined(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = script()
        try larder.fill(path, ["Range: bytes=0-99"])
        try larder.fill(path, ["Range: bytes=100-199"])
        let across = try larder.get(path, ["Range: bytes=50-149"])
        #expect(across.xCache == "HIT")
        #expect(try across.parts().map(\.range) == [50..<150])
        #expect(try across.version() == 1)
        #expect(origin.count(for: path) == 2)
    }

    @Test("§3.4: parts that make up the whole answer a request for the whole", .tags(.choice), arguments: Backend.both)
    func completedByParts(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = script()
        try larder.fill(path, ["Range: bytes=0-499"])
        try larder.fill(path, ["Range: bytes=500-999"])
        let isWhole = try eventually { try larder.isStored(path) }
        #expect(isWhole)
        let whole = try larder.get(path)
        #expect(whole.status == 200 && whole.xCache == "HIT")
        #expect(whole["Content-Range"] == nil && whole["Content-Length"] == "1000")
        #expect(whole.body == VersionedContent.bytes(1))
        #expect(origin.count(for: path) == 2)
    }

    @Test(
        "§3.4: where a part of the range is there, the origin is asked for the rest, on the same condition",
        .tags(.choice), arguments: Backend.both)
    func missingPart(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = script()
        try larder.fill(path, ["Range: bytes=0-499"])
        let response = try larder.get(path, ["Range: bytes=250-749"])
        #expect(response.status == 206 && response.isComplete)
        #expect(try response.parts().map(\.range) == [250..<750])
        #expect(try response.version() == 1)
        #expect(response.xCache == "MISS")
        #expect(try response.cacheStatus.forward == "partial")
        #expect(asked(path).last == ["bytes=500-749", "\"v1\""])
        let isStored = try eventually { try larder.isStored(path, ["Range: bytes=0-749"]) }
        #expect(isStored)
        #expect(try larder.get(path, ["Range: bytes=0-749"]).version() == 1)
    }

    @Test(
        "§3.4: a request for the whole asks the origin for the rest only", .tags(.choice),
        arguments: Backend.both, ["0-499", "500-999"])
    func completed(_ backend: Backend, _ part: String) throws {
        let larder = scene[backend]
        let path = script()
        try larder.fill(path, ["Range: bytes=\(part)"])
        let whole = try larder.get(path)
        #expect(whole.status == 200 && whole.isComplete)
        #expect(whole["Content-Length"] == "1000" && whole["Content-Range"] == nil)
        #expect(whole.body == VersionedContent.bytes(1))
        let rest = part == "0-499" ? ["bytes=500-999", "bytes=500-"] : ["bytes=0-499"]
        let last = try #require(asked(path).last)
        #expect(rest.contains(last[0] ?? "none") && last[1] == "\"v1\"", "\(last)")
        let hit = try larder.awaitHit(path)
        #expect(hit.body == VersionedContent.bytes(1))
        #expect(origin.count(for: path) == 2)
    }

    @Test(
        "RFC 9110 §15.3.7: a 206 of several parts passes through and is not stored", .tags(.must),
        arguments: Backend.both)
    func multipart(_ backend: Backend) throws {
        let larder = scene[backend]
        let body =
            "--edge\r\nContent-Range: bytes 0-3/1000\r\n\r\nabcd\r\n--edge\r\nContent-Range: bytes 500-503/1000\r\n\r\n"
            + "efgh\r\n--edge--\r\n"
        let fields = [
            "Cache-Control: max-age=60", "ETag: \"v1\"", "Content-Type: multipart/byteranges; boundary=edge",
        ]
        let path = origin.script { try $0.respond(206, fields, body: body) }
        for _ in 0..<2 {
            let response = try larder.get(path, ["Range: bytes=0-3,500-503"])
            #expect(response.status == 206 && response.text == body)
            #expect(response["Content-Type"] == "multipart/byteranges; boundary=edge")
            #expect(response.xCache == "MISS")
        }
        #expect(origin.requests(for: path).allSatisfy { $0["Range"] == "bytes=0-3,500-503" })
        #expect(origin.count(for: path) == 2)
    }

    @Test(
        "RFC 9110 §13.1.5: If-Range counts against what is stored in part", .tags(.must), arguments: Backend.both)
    func ifRange(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = script()
        try larder.fill(path, ["Range: bytes=0-499"])
        let same = try larder.get(path, ["Range: bytes=0-9", "If-Range: \"v1\""])
        #expect(same.status == 206 && same.xCache == "HIT")
        let other = try larder.get(path, ["Range: bytes=0-9", "If-Range: \"v0\""])
        #expect(other.status == 200 && other.body == VersionedContent.bytes(1))
    }

    @Test("§3.4: the part of one variant is no part of another", .tags(.must), arguments: Backend.both)
    func variants(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = origin.script { exchange in
            let version = exchange.request["X-Own"] == "two" ? 2 : 1
            let fields = ["Cache-Control: max-age=60", "ETag: \"v\(version)\"", "Vary: X-Own"]
            guard let range = exchange.request["Range"].flatMap(VersionedContent.range) else {
                return try exchange.respond(200, fields, bytes: VersionedContent.bytes(version))
            }
            try VersionedContent.respond(exchange, fields, version, range)
        }
        for _ in 0..<2 {
            for (number, value) in [(1, "one"), (2, "two")] {
                for range in ["0-499", "250-749", "500-999"] {
                    let response = try larder.get(path, ["X-Own: \(value)", "Range: bytes=\(range)"])
                    #expect(try response.version() == number, "\(value) \(range)")
                }
                #expect(try larder.get(path, ["X-Own: \(value)"]).version() == number)
            }
        }
    }

    @Test("RFC 9111 §4.4: an unsafe request invalidates what is stored in part", .tags(.must), arguments: Backend.both)
    func invalidated(_ backend: Backend) throws {
        let larder = scene[backend]
        let content = VersionedContent()
        let path = script(content)
        try larder.fill(path, ["Range: bytes=0-499"])
        content.change()
        #expect(try larder.request("DELETE", path).status == 200)
        for fields in [["Range: bytes=0-99"], ["Range: bytes=0-999"], []] {
            #expect(try larder.get(path, fields).version() == 2, "\(fields)")
        }
    }

    @Test(
        "RFC 9110 §9.3.2, §13.1.2: HEAD and conditions beside a part are answered as of the whole", .tags(.must),
        arguments: Backend.both)
    func wholeFacts(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = script()
        try larder.fill(path, ["Range: bytes=0-499"])
        let head = try larder.request("HEAD", path)
        #expect(head.status == 200 && head["Content-Length"] == "1000" && head["Content-Range"] == nil)
        #expect(try larder.get(path, ["If-None-Match: \"v1\""]).status == 304)
        #expect(try larder.get(path, ["Range: bytes=0-9", "If-None-Match: \"v1\""]).status == 304)
        #expect(try larder.get(path, ["If-None-Match: \"v0\""]).version() == 1)
    }

    @Test(
        "§3.4: several ranges, of which parts are there, are answered with their bytes", .tags(.must),
        arguments: Backend.both)
    func severalRanges(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = script()
        try larder.fill(path, ["Range: bytes=0-499"])
        for value in ["bytes=0-9,400-409", "bytes=0-9,900-909", "bytes=600-609,900-909"] {
            let response = try larder.get(path, ["Range: \(value)"])
            #expect([200, 206].contains(response.status) && response.isComplete, "\(value)")
            #expect(try response.version() == 1, "\(value)")
        }
    }

    @Test(
        "§3.3: a client that takes a part slowly gets that part, stored meanwhile", .tags(.must),
        arguments: Backend.both)
    func slowClient(_ backend: Backend) throws {
        let larder = scene[backend]
        let bytes = patternedBody(3 << 20)
        let fields = ["Cache-Control: max-age=60", "ETag: \"1\"", "Content-Range: bytes 0-\(bytes.count - 1)/4000000"]
        let path = origin.script { try $0.respond(206, fields, bytes: bytes) }
        let range = ["Range: bytes=0-\(bytes.count - 1)"]
        let client = try larder.client(receiveBuffer: 4_096)
        try client.send(RawClient.request("GET", path, range))
        // The probe asks for little, so that it is answered at once.
        #expect(try eventually { try larder.isStored(path, ["Range: bytes=0-9"]) })
        let response = try client.readResponse()
        #expect(response.status == 206 && response.isComplete && response.body == bytes)
        #expect(origin.count(for: path) == 1)
    }
}
