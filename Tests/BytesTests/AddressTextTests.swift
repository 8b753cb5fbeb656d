import TestRandomness
import Testing

@testable import Bytes

@Suite("RFC 4291 §2.2, RFC 5952: IP addresses as text")
struct AddressTextTests {
    private func v6(_ text: String) -> UInt128? { AddressText.v6(text.utf8.span) }
    private func v4(_ text: String) -> UInt32? { AddressText.v4(text.utf8.span) }

    private func written(_ bits: UInt128) -> String {
        String(decoding: AddressText(v6: bits).span.copied(), as: UTF8.self)
    }

    @Test(
        "IPv6 addresses are read, and written in one form",
        arguments: [
            ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
            ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("1:0:0:4:5:6:7:8", "1::4:5:6:7:8"),
            ("1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"), ("1:0:0:4:0:0:0:8", "1:0:0:4::8"), ("0:0:3::", "0:0:3::"),
            ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"), ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
            ("::ffff:c000:201", "::ffff:192.0.2.1"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("fe80::a:0", "fe80::a:0"),
        ])
    func v6Forms(_ text: String, _ form: String) throws {
        #expect(written(try #require(v6(text))) == form)
    }

    @Test(
        "What is no IPv6 address is none",
        arguments: [
            "", ":", ":::", "1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "1:2:3:4:5:6:7:8::",
            "::1:2:3:4:5:6:7:8",
            "12345::", "g::", "1:", ":1", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3", "::1.2.3.4:1", "fe80::1%eth0", "[::1]",
            "::256.1.1.1",
            "1.2.3.4", "::1 ", " ::1", String(repeating: "0:", count: 23),
        ])
    func noV6(_ text: String) { #expect(v6(text) == nil) }

    @Test("Of IPv4 addresses every part is a decimal up to 255, without leading zeros")
    func v4Forms() {
        #expect(v4("192.0.2.1") == 0xc000_0201)
        #expect(v4("0.0.0.0") == 0)
        #expect(v4("255.255.255.255") == .max)
        for text in [
            "", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.00", "1..2.3", "1.2.3.", ".1.2.3", "1.2.3.4 ",
            "1.2.3.a",
            "1.2.3.1000", "......",
        ] {
            #expect(v4(text) == nil, "\(text)")
        }
    }

    @Test("What is written reads as the same address, and random bytes never trap")
    func random() throws {
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<4000 {
            var bits: UInt128 = 0
            for _ in 0..<8 {
                let group: UInt16 = Bool.random(using: &generator) ? 0 : .random(in: 0...(.max), using: &generator)
                bits = bits << 16 | UInt128(group)
            }
            #expect(v6(written(bits)) == bits)
            let count = Int.random(in: 0..<50, using: &generator)
            let letters = Array("0123456789abcf:.::[]%".utf8)
            let noise = (0..<count).map { _ in letters.randomElement(using: &generator)! }
            _ = AddressText.v6(noise.span)
            _ = AddressText.v4(noise.span)
        }
    }
}
