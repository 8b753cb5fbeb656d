import Foundation
import TestSupport
import Testing

// Partial responses that don't fit what is stored, or that may not be kept (RFC 9111 §3.3, §3.4; RFC 9110 §15.3.7.3). The one
// thing that may never happen is an answer of two representations, or one with bytes in the wrong place.

@Suite("RFC 9111 §3.4: partial content that must not be combined")
struct MismatchedPartTests {
    let scene: StandardsScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try StandardsScene.shared.get() }

    @Test(
        "RFC 9110 §13.1.5: where the representation has changed meanwhile, the client gets the new one alone",
        .tags(.must), arguments: Backend.both, [["Range: bytes=250-749"], []])
    func changed(_ backend: Backend, _ fields: [String]) throws {
        let larder = scene[backend]
        let content = VersionedContent()
        let path = origin.script { try content.answer($0) }
        try larder.fill(path, ["Range: bytes=0-499"])
        content.change()
        let response = try larder.get(path, fields)
        #expect(response.isComplete)
        #expect(try response.version() == 2)
        #expect(fields.isEmpty ? response.status == 200 : [200, 206].contains(response.status))
        // What is stored from now on is of the second alone, or the first as it was: never of both.
        for range in [["Range: bytes=0-499"], ["Range: bytes=400-799"], []] {
            let later = try larder.get(path, range)
            #expect((1...2).contains(try later.version()))
        }
        #expect(try larder.get(path).version() == 2)
    }

    @Test(
        "§3.4: a part with another validator is not combined with what is stored", .tags(.must),
        arguments: Backend.both)
    func otherValidator(_ backend: Backend) throws {
        let larder = scene[backend]
        let content = VersionedContent()
        // An origin that answers ranges of what it has now, whatever If-Range says.
        let path = origin.script { exchange in
            guard let range = exchange.request["Range"].flatMap(VersionedContent.range), range.lowerBound == 500 else {
                return try content.answer(exchange)
            }
            try VersionedContent.respond(exchange, ["Cache-Control: max-age=60", "ETag: \"v2\""], 2, range)
        }
        try larder.fill(path, ["Range: bytes=0-499"])
        content.change()
        for fields in [["Range: bytes=250-749"], [], ["Range: bytes=250-749"]] {
            let response = try larder.get(path, fields)
            guard response.status != 502 else { continue }
            #expect(try !response.isComplete || response.version() == 2, "\(fields)")
        }
    }

    @Test(
        "§3.4: a part that isn't the one that was asked for is not combined", .tags(.must), arguments: Backend.both,
        [
            "bytes 600-749/1000", "bytes 500-749/2000", "bytes 749-500/1000", "bytes 500-749", "bytes */1000",
            "items 500-749/1000", "bytes 500-699/1000", "bytes 400-749/1000",
        ])
    func wrongPart(_ backend: Backend, _ contentRange: String) throws {
        let larder = scene[backend]
        let content = VersionedContent()
        // Wrong about the part that was missing, right about everything else. What it sends is not its content at all.
        let path = origin.script { exchange in
            guard exchange.request["Range"] == "bytes=500-749" else { return try content.answer(exchange) }
            try exchange.respond(
                206, ["Cache-Control: max-age=60", "ETag: \"v1\"", "Content-Range: \(contentRange)"],
                bytes: [UInt8](repeating: 1, count: 250))
        }
        try larder.fill(path, ["Range: bytes=0-499"])
        let response = try larder.get(path, ["Range: bytes=250-749"])
        let isRight = response.isComplete && (200..<300).contains(response.status)
        if isRight { #expect(try response.version() == 1, "\(contentRange)") }
        for fields in [["Range: bytes=400-600"], ["Range: bytes=0-999"], []] {
            #expect(try larder.get(path, fields).version() == 1, "\(fields) after \(contentRange)")
        }
    }

    @Test(
        "§3.3: a part that ends too early is never stored as if it were all there", .tags(.must),
        arguments: Backend.both)
    func cutShort(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = origin.script { exchange in
            try exchange.send(
                "HTTP/1.1 206 Partial Content\r\nCache-Control: max-age=60\r\nETag: \"v1\"\r\n"
                    + "Content-Range: bytes 0-499/1000\r\nContent-Length: 500\r\n\r\n")
            try exchange.send(VersionedContent.bytes(1, 0..<100))
            exchange.close()
        }
        for _ in 0..<2 {
            let response = try? larder.get(path, ["Range: bytes=0-499"])
            #expect(response?.isComplete != true || response?.status == 502)
        }
        #expect(try !larder.isStored(path, ["Range: bytes=0-499"]))
    }

    @Test(
        "§3.3: a part that may not be stored as a whole may not be stored as a part", .tags(.must),
        arguments: Backend.both)
    func notStored(_ backend: Backend) throws {
        let larder = scene[backend]
        let cases = [
            ["Cache-Control: no-store", "ETag: \"v1\""], ["Cache-Control: private, max-age=60", "ETag: \"v1\""],
            ["Cache-Control: max-age=60", "ETag: \"v1\"", "Set-Cookie: a=1"],
        ]
        for fields in cases {
            let path = origin.script { try VersionedContent.respond($0, fields, 1, 0..<500) }
            try scene.expectNotStored(larder, path, ["Range: bytes=0-499"])
        }
        // Of one who proved who he is, only he may have it.
        let fields = ["Cache-Control: max-age=60", "ETag: \"v1\""]
        let own = origin.script { try VersionedContent.respond($0, fields, 1, 0..<500) }
        try scene.expectNotStored(larder, own, ["Range: bytes=0-499", "Authorization: Basic eDp5"])
    }

    @Test(
        "RFC 9110 §15.3.7: a 206 that nobody asked for is not taken for the whole", .tags(.must),
        arguments: Backend.both)
    func unasked(_ backend: Backend) throws {
        let larder = scene[backend]
        let fields = ["Cache-Control: max-age=60", "ETag: \"v1\""]
        let path = origin.script { try VersionedContent.respond($0, fields, 1, 0..<500) }
        for _ in 0..<2 {
            let response = try larder.get(path)
            #expect(response.status != 200 && response.xCache != "HIT")
        }
        #expect(try !larder.isStored(path))
    }

    @Test(
        "§3.4: a stored part past its life is not answered unasked, and what is asked for comes whole",
        .tags(.must), arguments: Backend.both)
    func stale(_ backend: Backend) throws {
        let larder = scene[backend]
        let content = VersionedContent(control: "max-age=0")
        let path = origin.script { try content.answer($0) }
        for _ in 0..<2 {
            #expect(try larder.get(path, ["Range: bytes=0-499"]).xCache != "HIT")
        }
        content.change()
        for fields in [["Range: bytes=100-199"], ["Range: bytes=400-599"], []] {
            #expect(try larder.get(path, fields).version() == 2, "\(fields)")
        }
    }

    @Test(
        "RFC 9110 §15.5.17: a 416 of the origin is passed on, and takes nothing from what is stored", .tags(.must),
        arguments: Backend.both)
    func unsatisfiable(_ backend: Backend) throws {
        let larder = scene[backend]
        let content = VersionedContent()
        let path = origin.script { exchange in
            guard exchange.request["Range"] == "bytes=2000-3000" else { return try content.answer(exchange) }
            try exchange.respond(416, ["Content-Range: bytes */1000", "Cache-Control: max-age=60"])
        }
        try larder.fill(path, ["Range: bytes=0-499"])
        for _ in 0..<2 {
            let response = try larder.get(path, ["Range: bytes=2000-3000"])
            #expect(response.status == 416 && response["Content-Range"] == "bytes */1000")
        }
        #expect(try larder.get(path, ["Range: bytes=100-199"]).xCache == "HIT")
        #expect(try larder.get(path).version() == 1)
    }
}
