import Foundation
import TestSupport
import Testing

// Ranges of what is stored whole (RFC 9110 §14.2, §14.4, §13.1.5). Which range a field means is tested where it is decided;
// here it is the bytes that a client gets.

@Suite("RFC 9110 §14: ranges of a complete stored response")
struct RangeCachingTests {
    let scene: StandardsScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try StandardsScene.shared.get() }

    /// A path whose whole content is in the store.
    private func stored(_ larder: LarderProcess, _ content: VersionedContent = VersionedContent()) throws -> String {
        let path = origin.script { try content.answer($0) }
        try larder.fill(path)
        return path
    }

    @Test(
        "§14.2: a single range, an open one and a suffix are answered 206 with exactly their bytes", .tags(.should),
        arguments: Backend.both)
    func single(_ backend: Backend) throws {
        let path = try stored(scene[backend])
        let ranges: [(String, Range<Int>)] = [
            ("bytes=0-99", 0..<100), ("bytes=100-299", 100..<300), ("bytes=900-", 900..<1_000),
            ("bytes=-50", 950..<1_000), ("bytes=990-2000", 990..<1_000), ("bytes=-5000", 0..<1_000),
            ("bytes=0-0", 0..<1), ("bytes= 5-6", 5..<7), ("Bytes=5-6", 5..<7),
        ]
        let client = try scene[backend].client()
        for (value, range) in ranges {
            let response = try client.request("GET", path, ["Range: \(value)"])
            let parts = try response.parts()
            #expect(parts.map(\.range) == [range], "\(value)")
            #expect(try response.version() == 1)
            #expect(response["Content-Range"] == "bytes \(range.lowerBound)-\(range.upperBound - 1)/1000")
            #expect(response["ETag"] == "\"v1\"")
            #expect(response["Content-Type"] == "text/versions")
            #expect(response.xCache == "HIT" && response["Age"] != nil && response["Date"] != nil)
            #expect(try response.cacheStatus.isHit)
        }
        #expect(origin.count(for: path) == 1)
    }

    @Test(
        "§14.6: several ranges are answered as multipart/byteranges with exactly their parts", .tags(.should),
        arguments: Backend.both)
    func several(_ backend: Backend) throws {
        let path = try stored(scene[backend])
        let client = try scene[backend].client()
        for value in ["bytes=0-9,400-419,-10", "bytes=0-9 , ,400-419,990-", "bytes=0-9,400-419,-10,5000-6000"] {
            let response = try client.request("GET", path, ["Range: \(value)"])
            #expect(response.isComplete && response.xCache == "HIT")
            #expect(response["Content-Type"]?.hasPrefix("multipart/byteranges") == true, "\(value)")
            let parts = try response.parts()
            #expect(parts.map(\.range) == [0..<10, 400..<420, 990..<1_000], "\(value)")
            #expect(parts.allSatisfy { $0.contentType == "text/versions" }, "\(value)")
            #expect(try response.version() == 1)
        }
        // The next answer starts where the last part ended.
        #expect(try client.request("GET", path).body == VersionedContent.bytes(1))
        #expect(origin.count(for: path) == 1)
    }

    @Test(
        "§14.2, §15.3.7.2: ranges that overlap are answered as one", .tags(.choice),
        arguments: Backend.both)
    func overlapping(_ backend: Backend) throws {
        let path = try stored(scene[backend])
        func ranges(_ value: String) throws -> [Range<Int>] {
            let response = try scene[backend].get(path, ["Range: \(value)"])
            #expect(try response.version() == 1)
            return try response.parts().map(\.range).sorted { $0.lowerBound < $1.lowerBound }
        }
        #expect(try ranges("bytes=0-99,50-149") == [0..<150])
        #expect(try ranges("bytes=600-699,0-9,650-749,700-720") == [0..<10, 600..<750])
        #expect(try ranges("bytes=5-5,5-5,5-5,5-5") == [5..<6])
    }

    @Test(
        "§14.2: a set of very many ranges is answered with the whole, once", .tags(.should),
        arguments: Backend.both)
    func tooMany(_ backend: Backend) throws {
        let bytes = (0..<65_536).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        let path = origin.script { try $0.respond(200, ["Cache-Control: max-age=60"], bytes: bytes) }
        try scene[backend].fill(path)
        let many = stride(from: 0, to: 65_536, by: 200).map { "\($0)-\($0 + 1)" }.joined(separator: ",")
        let response = try scene[backend].get(path, ["Range: bytes=\(many)"])
        #expect(response.status == 200)
        #expect(response.body == bytes)
        let greedy = Array(repeating: "0-", count: 500).joined(separator: ",")
        #expect(try scene[backend].get(path, ["Range: bytes=\(greedy)"]).body.count <= bytes.count + 200)
    }

    @Test(
        "§15.5.17: a range that begins behind the end is answered 416 with the length", .tags(.should),
        arguments: Backend.both)
    func unsatisfiable(_ backend: Backend) throws {
        let path = try stored(scene[backend])
        let client = try scene[backend].client()
        for value in ["bytes=1000-", "bytes=5000-6000", "bytes=-0", "bytes=1000-1001,7000-"] {
            let response = try client.request("GET", path, ["Range: \(value)"])
            #expect(response.status == 416, "\(value)")
            #expect(response["Content-Range"] == "bytes */1000", "\(value)")
            #expect(try response.cacheStatus.isHit)
        }
        #expect(try client.request("GET", path).status == 200)
        #expect(origin.count(for: path) == 1)
    }

    @Test(
        "§14.2: a range that can't be read, or is of another unit, is as if it weren't there", .tags(.must),
        arguments: Backend.both)
    func unreadable(_ backend: Backend) throws {
        let path = try stored(scene[backend])
        for value in ["bytes=9-1", "items=0-1", "bytes=a-b", "bytes", "bytes=", "bytes=1-2-3", "bytes=0x1-0x2"] {
            let response = try scene[backend].get(path, ["Range: \(value)"])
            #expect(response.status == 200, "\(value)")
            #expect(response.body == VersionedContent.bytes(1), "\(value)")
        }
        // Range has a meaning for GET only (RFC 9110 §14.2).
        let head = try scene[backend].request("HEAD", path, ["Range: bytes=0-9"])
        #expect(head.status == 200 && head["Content-Length"] == "1000")
    }

    @Test(
        "§13.1.5: If-Range holds by the same strong entity-tag and by nothing weaker", .tags(.must),
        arguments: Backend.both)
    func ifRangeTag(_ backend: Backend) throws {
        let path = try stored(scene[backend])
        let conditions = [("\"v1\"", 206), ("\"v2\"", 200), ("W/\"v1\"", 200), ("v1", 200), ("*", 200)]
        for (condition, status) in conditions {
            let response = try scene[backend].get(path, ["Range: bytes=0-9", "If-Range: \(condition)"])
            #expect(response.status == status, "\(condition)")
            #expect(try response.version() == 1)
        }
        let weak = origin.script(200, ["Cache-Control: max-age=60", "ETag: W/\"v1\""], body: "0123456789")
        try scene[backend].fill(weak)
        #expect(try scene[backend].get(weak, ["Range: bytes=0-3", "If-Range: W/\"v1\""]).status == 200)
    }

    @Test(
        "§13.1.5: If-Range holds by the very date of Last-Modified, where that is long past", .tags(.must),
        arguments: Backend.both)
    func ifRangeDate(_ backend: Backend) throws {
        let date = "Tue, 15 Nov 1994 12:45:26 GMT"
        let old = origin.script(200, ["Cache-Control: max-age=60", "Last-Modified: \(date)"], body: "0123456789")
        try scene[backend].fill(old)
        #expect(try scene[backend].get(old, ["Range: bytes=2-3", "If-Range: \(date)"]).text == "23")
        for other in ["Tue, 15 Nov 1994 12:45:25 GMT", "Tue, 15 Nov 1994 12:45:27 GMT"] {
            #expect(try scene[backend].get(old, ["Range: bytes=2-3", "If-Range: \(other)"]).status == 200)
        }
        // Changed within the second of the answer it could have changed again unseen: weak (RFC 9110 §8.8.2.2).
        let now = httpDate(0)
        let fresh = origin.script(
            200, ["Cache-Control: max-age=60", "Last-Modified: \(now)", "Date: \(now)"], body: "0123456789")
        try scene[backend].fill(fresh)
        #expect(try scene[backend].get(fresh, ["Range: bytes=2-3", "If-Range: \(now)"]).status == 200)
    }

    @Test(
        "§13.2.2: a condition that makes it 304 goes before the range", .tags(.must), arguments: Backend.both)
    func conditionFirst(_ backend: Backend) throws {
        let path = try stored(scene[backend])
        let unchanged = try scene[backend].get(path, ["Range: bytes=0-9", "If-None-Match: \"v1\""])
        #expect(unchanged.status == 304)
        let changed = try scene[backend].get(path, ["Range: bytes=0-9", "If-None-Match: \"v0\""])
        #expect(changed.status == 206 && changed.body.count == 10)
    }

    @Test(
        "RFC 9111 §4.3: a range of a stale response is answered once a 304 has renewed the whole", .tags(.should),
        arguments: Backend.both)
    func staleRange(_ backend: Backend) throws {
        let content = VersionedContent(control: "no-cache")
        let path = origin.script { try content.answer($0) }
        // What says no-cache is never answered unasked: that the whole is stored shows in the origin being asked about it.
        // A range must not be asked for earlier, since its part would be stored in place of the whole.
        #expect(try eventually { try scene[backend].get(path).xCache == "REVALIDATED" })
        let response = try scene[backend].get(path, ["Range: bytes=100-199"])
        #expect(response.xCache == "REVALIDATED")
        #expect(try response.parts().map(\.range) == [100..<200])
        #expect(try response.version() == 1)
        #expect(origin.requests(for: path).last?["If-None-Match"] == "\"v1\"")
    }

    @Test(
        "RFC 9111 §4.3: a range of a stale response that has changed is of the new one", .tags(.must),
        arguments: Backend.both)
    func changedRange(_ backend: Backend) throws {
        let content = VersionedContent(control: "max-age=60")
        let path = try stored(scene[backend], content)
        content.change()
        let response = try scene[backend].get(path, ["Range: bytes=100-199", "Cache-Control: no-cache"])
        #expect(try response.version() == 2)
        // Whatever became of the store: no answer is made of both.
        for range in ["bytes=0-499", "bytes=400-799"] {
            _ = try scene[backend].get(path, ["Range: \(range)"]).version()
        }
        _ = try scene[backend].get(path).version()
    }
}
