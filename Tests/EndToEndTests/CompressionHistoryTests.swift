import Foundation
import TestRandomness
import TestSupport
import Testing

@Suite("compress: whatever is asked for in whatever order, a response is one version in one coding that was accepted")
struct CompressionHistoryTests {
    private static let accepted: [(field: String?, codings: Set<String>)] = [
        (nil, ["identity"]), ("", ["identity"]), ("gzip", ["gzip"]), ("gzip, deflate", ["gzip"]), ("br", ["br"]),
        ("gzip, deflate, br, zstd", ["zstd"]), ("gzip, deflate, br", ["br"]), ("zstd;q=0, *", ["br"]),
        ("gzip;q=0.1, br;q=0.01", ["gzip"]), ("identity", ["identity"]), ("identity, gzip;q=0.9", ["identity"]),
        ("*;q=0, gzip", ["gzip"]), ("identity;q=0, br", ["br"]), ("deflate", ["identity"]),
    ]

    @Test(arguments: Backend.allCases, 0..<4)
    func history(_ backend: Backend, _ number: Int) throws {
        let scene = try CompressionScene.shared.get()
        let larder = scene[backend]
        var random = SeededGenerator(history: UInt64(number))
        let controls = ["max-age=60", "no-cache", "max-age=1", "max-age=60, must-revalidate"]
        let json = VersionedJSON(
            control: controls[number], size: [3_000, 50_000, 400_000, 1_100].randomElement(using: &random)!)
        let path = scene.origin.script { try json.answer($0) }
        var oldest = 1
        for step in 0..<120 {
            let (field, codings) = Self.accepted.randomElement(using: &random)!
            let isRange = Int.random(in: 0..<8, using: &random) == 0
            var fields = field.map { ["Accept-Encoding: \($0)"] } ?? []
            switch Int.random(in: 0..<12, using: &random) {
            case 0: json.change()
            case 1:
                // Whatever was stored before is gone for everybody.
                #expect(try larder.request("DELETE", path).status == 200)
                oldest = json.version
            case 2: fields.append("Cache-Control: no-cache")
            default: break
            }
            if isRange { fields.append("Range: bytes=5-204") }
            let tag = Bool.random(using: &random) ? "W/\"v\(json.version)\"" : nil
            if let tag { fields.append("If-None-Match: \(tag)") }
            let response = try larder.request(
                Int.random(in: 0..<10, using: &random) == 0 ? "HEAD" : "GET", path, fields)
            let told = "step \(step), \(fields): \(response.head)"
            let coding = response["Content-Encoding"] ?? "identity"
            let version = response["ETag"].flatMap { Int($0.filter(\.isNumber)) } ?? 0
            #expect((oldest...json.version).contains(version), "\(told)")
            #expect(response.varyNames.contains("accept-encoding"), "\(told)")
            if response.status == 304 {
                #expect(tag != nil && version == json.version, "\(told)")
                continue
            }
            // Who refuses a response without a coding may be given a range of one with it.
            #expect(codings.contains(coding) || isRange && coding == "identity", "\(told)")
            #expect(response["ETag"]?.hasPrefix("W/") == (coding != "identity"), "\(told)")
            let whole = json.content(version)
            if response.body.isEmpty { continue }
            if response.status == 206 {
                if coding == "identity" { #expect(response.body == Array(whole[5..<205]), "\(told)") }
            } else {
                #expect(response.status == 200 && response.decoded == whole, "\(told)")
            }
        }
    }
}
