import TestRandomness
import Testing

@testable import Bytes

@Suite("numbers as 32 hexadecimal digits")
struct HexTextTests {
    private func written(_ value: UInt128) -> String { String(decoding: HexText(value).span.copied(), as: UTF8.self) }

    @Test("all digits are written, leading zeros included")
    func digits() {
        #expect(written(0) == String(repeating: "0", count: 32))
        #expect(written(.max) == String(repeating: "f", count: 32))
        #expect(written(0x0123_4567_89ab_cdef_0011_2233_4455_66fe) == "0123456789abcdef00112233445566fe")
    }

    @Test("as the standard library writes them")
    func asElsewhere() {
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<1000 {
            let value = UInt128.random(in: 0...(.max), using: &generator)
            let plain = String(value, radix: 16)
            #expect(written(value) == String(repeating: "0", count: 32 - plain.count) + plain)
        }
    }
}
