import Bytes
import Compression
import Foundation
import HTTPSemantics
import TestSupport
import Testing

// What the suites about compression share: a daemon for every backend, routes that compress, and an origin whose content comes
// in versions with strong entity-tags that it compares byte for byte, as many an API does.

final class CompressionScene: Sendable {
    static let shared = Result { try CompressionScene() }

    let stage = Stage.shared()
    let origin: ScriptedOrigin
    private let daemons: [Backend: LarderProcess]

    init() throws {
        let origin = try stage.origin()
        let redis = try stage.redis()
        self.origin = origin
        daemons = try stage.larders(Backend.allCases) { backend in
            LarderConfiguration(
                upstreams: "origin: \(origin.url)", routes: Self.routes,
                store: backend.section(redis, prefix: "compression-\(backend)", further: "object: 256KiB"))
        }
    }

    subscript(_ backend: Backend) -> LarderProcess { daemons[backend]! }

    private static let routes = """
        - path: /{rest...}
          upstream: origin
          compress: on
          cache:
            client_control: honour
        - path: /pass/{rest...}
          upstream: origin
          compress: on
        - path: /keys/{rest...}
          upstream: origin
          compress:
            codings: gzip
            types: [text/versions]
            min: 100
            level: fast
          cache: on
        - path: /off/{rest...}
          upstream: origin
          cache: on
        """
}

/// JSON of one version at a time.
final class VersionedJSON: Sendable {
    private let number = TestSupport.Locked(1)
    let control: String
    let size: Int
    let type: String

    init(control: String = "max-age=60", size: Int = 6_000, type: String = "application/json") {
        self.control = control
        self.size = size
        self.type = type
    }

    var version: Int { number.withLock { $0 } }
    func change() { number.withLock { $0 += 1 } }

    func content(_ version: Int) -> [UInt8] {
        var text = "{\"version\":\(version),\"items\":["
        var index = 0
        while text.utf8.count < size {
            text += "{\"id\":\(index * version),\"name\":\"item \(index)\"},"
            index += 1
        }
        return Array((text + "null]}").utf8)
    }

    func answer(_ exchange: Exchange) throws {
        let version = version
        let etag = "\"v\(version)\""
        let fields = ["Cache-Control: \(control)", "Content-Type: \(type)", "ETag: \(etag)", "Accept-Ranges: bytes"]
        if exchange.request["If-None-Match"] == etag { return try exchange.respond(304, fields) }
        if let condition = exchange.request["If-Match"], condition != etag { return try exchange.respond(412) }
        let content = content(version)
        let isSame = exchange.request["If-Range"].map { $0 == etag } ?? true
        guard isSame, let range = exchange.request["Range"].flatMap(VersionedContent.range) else {
            return try exchange.respond(200, fields, bytes: content)
        }
        try exchange.respond(
            206, fields + ["Content-Range: bytes \(range.lowerBound)-\(range.upperBound - 1)/\(content.count)"],
            bytes: Array(content[range]))
    }
}

/// The content of a body in a coding; nil if it isn't that.
func decoded(_ body: [UInt8], _ name: String) -> [UInt8]? {
    guard let coding = ContentCoding.allCases.first(where: { "\($0.name)" == name }) else { return nil }
    var output = ByteBuffer()
    guard Decompression.decode(body.span, coding, atMost: 64 << 20, into: &output) else { return nil }
    return output.span.copied()
}

extension Response {
    /// The content, whatever coding it has.
    var decoded: [UInt8]? {
        guard let name = self["Content-Encoding"] else { return body }
        return EndToEndTests.decoded(body, name)
    }

    var varyNames: [String] {
        (self["Vary"] ?? "").split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces).lowercased() }
    }
}
