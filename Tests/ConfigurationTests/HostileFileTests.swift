import ConfigurationReader
import TestRandomness
import Testing

@Suite("No bytes trap or stall the reader")
struct HostileFileTests {
    private func read(_ bytes: [UInt8]) -> ConfigurationReading {
        ConfigurationFile.read(bytes: bytes, fileName: "f", environment: { _ in "x" })
    }

    @Test("random bytes are refused", arguments: 0..<8 as Range<UInt64>)
    func randomBytes(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            let bytes = (0..<Int.random(in: 0...200, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            let reading = read(bytes)
            #expect(reading.configuration == nil)
            #expect(!reading.faults.isEmpty)
        }
    }

    @Test("a mutated file is read or refused with places inside it", arguments: 0..<8 as Range<UInt64>)
    func mutations(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let original = Array(AcceptanceTests.everything.utf8)
        let marks = Array("{}[]:,&*!|>'\"%@`#-?\n\t $\u{0}".utf8)
        for _ in 0..<60 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[place] = marks.randomElement(using: &random)!
                case 1: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 2: bytes.removeSubrange(place..<min(place + 20, bytes.count))
                default: bytes.insert(contentsOf: bytes[place..<min(place + 30, bytes.count)], at: place)
                }
            }
            let reading = read(bytes)
            #expect((reading.configuration == nil) == !reading.faults.isEmpty)
            let lines = bytes.count { $0 == 10 || $0 == 13 } + 2
            for fault in reading.faults {
                #expect(fault.line >= 1 && fault.column >= 1 && fault.line <= lines)
                #expect(!fault.description.contains("\n"))
            }
        }
    }

    @Test("aliases of aliases of aliases are counted before they are walked")
    func billionLaughs() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...30 {
            text += "a\(level): &a\(level) [\(Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", "))]\n"
        }
        let found = faults(text)
        #expect(found == ["6:45: error: the file expands to more than 1000000 values"])
    }

    @Test("a chain of ever deeper aliases is refused too")
    func deepAliases() {
        var text = "a0: &a0 [x]\n"
        for level in 1...20_000 { text += "a\(level): &a\(level) [*a\(level - 1)]\n" }
        #expect(read(Array(text.utf8)).configuration == nil)
    }

    @Test("deep nesting is refused", arguments: ["[", "{a: ", "- ", "? "])
    func deepNesting(_ opening: String) {
        let reading = read(Array(String(repeating: opening, count: 100_000).utf8))
        #expect(reading.faults.count == 1)
    }

    @Test("a list as long as a file can hold is checked in a moment", arguments: ["listen: [%]", "workers: 2"])
    func longLists(_ line: String) {
        let addresses = (0..<3_000).map { "127.0.0.1:\($0 + 1)" }.joined(separator: ", ")
        let servers = (0..<3_000).map { "\"http://h:\($0 % 2_999 + 1)\"" }.joined(separator: ", ")
        let server = line.split(separator: "%").joined(separator: addresses)
        let text = "server: {\(server)}\nupstreams: {a: {servers: [\(servers)]}}\nroutes: [{path: /, upstream: a}]"
        #expect(
            faults(text).contains { $0.hasSuffix("the server `http://h:1` is listed twice; first on line 2") })
        #expect(faults(text).contains { $0.hasSuffix("has more than 64 addresses") } == line.contains("%"))
    }

    @Test("mappings that merge mappings are counted before they are walked")
    func mergedLaughs() {
        var text = "x-0: &a0 {a: 1, b: 2}\n"
        for level in 1...30 {
            let merged = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
            text += "x-\(level): &a\(level) {<<: [\(merged)], c\(level): 1}\n"
        }
        let found = faults(text + "log: {<<: *a30}\n")
        #expect(found.count == 1)
        #expect(found.first?.hasSuffix(" the file expands to more than 1000000 values") == true)
    }

    @Test("what variables come to is bounded")
    func longVariables() {
        let text = "log:\n  to: /\(String(repeating: "${A}", count: 100))" + rest
        let found = faults(text, environment: ["A": String(repeating: "x", count: 1_000)])
        #expect(found == ["2:7: error: the value is longer than 65536 bytes once its variables are expanded"])
    }

    @Test("15,000 routes, each with an upstream of its own, are read in a moment")
    func manyRoutes() throws {
        let numbers = 0..<15_000
        let text =
            "upstreams:\n" + numbers.map { "  u\($0): http://h:\($0 % 60_000 + 1)\n" }.joined() + "routes:\n"
            + numbers.map { "  - {path: \"/r\($0)/{id}\", upstream: u\($0), cache: {timeout: 5m}}\n" }.joined()
        let reading = read(Array(text.utf8))
        #expect(reading.faults == [] && reading.warnings == [])
        #expect(try #require(reading.configuration).routes.count == 15_000)
    }

    @Test("a huge file is refused before it is read")
    func hugeFile() {
        let reading = read(Array(repeating: UInt8(ascii: "#"), count: 8 << 20 + 1))
        #expect(
            reading.faults.map(\.description) == [
                "f:1:1: error: the file is 8388609 bytes long; the maximum is 8388608"
            ])
    }

    @Test("a file of nothing but faults is reported up to a bound")
    func manyFaults() {
        let text = (0..<20_000).map { "k\($0): 1\n" }.joined()
        #expect(read(Array(text.utf8)).faults.count == 1_000)
    }
}
