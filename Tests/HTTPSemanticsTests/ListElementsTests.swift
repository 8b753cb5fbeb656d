import Bytes
import Testing

@testable import HTTPSemantics

@Suite("RFC 9110 §5.6: lists, tokens, numbers")
struct ListElementsTests {
    @Test(
        "elements without white space, empty ones passed over, quoted commas kept",
        arguments: [
            ("", []), (",", []), (" , ,", []), ("a", ["a"]), ("a,b", ["a", "b"]),
            (" a ,\tb c ,, d", ["a", "b c", "d"]),
            ("\"a,b\", c", ["\"a,b\"", "c"]), ("\"a\\\",b\", c", ["\"a\\\",b\"", "c"]), ("\"a, b", ["\"a, b"]),
            ("\"a\\", ["\"a\\"]),
        ])
    func elements(_ value: String, _ expected: [String]) {
        let bytes = Array(value.utf8)
        var elements = ListElements(ByteRange(0, bytes.count))
        var found: [String] = []
        while let element = elements.next(in: bytes.span) { found.append(text(element, of: bytes)) }
        #expect(found == expected)
    }

    @Test("token characters are those of RFC 9110 §5.6.2")
    func tokens() {
        let allowed = Set("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
        func isToken(_ bytes: [UInt8]) -> Bool { Token.isToken(bytes.span) }
        for byte in UInt8.min...UInt8.max { #expect(isToken([byte]) == allowed.contains(byte)) }
        #expect(!isToken([]))
    }

    @Test(
        "numbers are digits that fit into 64 bits",
        arguments: [
            ("0", 0), ("007", 7), ("18446744073709551615", UInt64.max), ("18446744073709551616", nil),
            ("99999999999999999999", nil),
            ("", nil), ("+1", nil), ("1 ", nil),
        ])
    func numbers(_ text: String, _ value: UInt64?) { #expect(Decimal.value(Array(text.utf8).span) == value) }
}
