import TestSupport
import Testing

@testable import HTTPSemantics

@Suite("RFC 9110 §14.4 Content-Range")
struct ContentRangeTests {
    private func read(_ value: String) -> ContentRange? {
        let bytes = Array(value.utf8)
        return ContentRange(field: bytes.span)
    }

    @Test("The three forms are read, and written as they were", .tags(.must))
    func forms() {
        let forms: [(String, ContentRange)] = [
            ("bytes 42-1233/1234", .part(42..<1234, completeLength: 1234)),
            ("bytes 42-1233/*", .part(42..<1234, completeLength: nil)),
            ("bytes 0-0/1", .part(0..<1, completeLength: 1)),
            ("bytes */1234", .unsatisfied(completeLength: 1234)),
            ("bytes */0", .unsatisfied(completeLength: 0)),
            ("bytes 0-9223372036854775805/*", .part(0..<9_223_372_036_854_775_806, completeLength: nil)),
        ]
        for (text, form) in forms {
            #expect(read(text) == form)
            var written: [UInt8] = []
            form.append(to: &written)
            #expect(string(written) == text)
        }
        #expect(read(" BYTES 0-4/10\t") == .part(0..<5, completeLength: 10))
    }

    @Test(
        "Whatever else is invalid, and not to be combined with anything", .tags(.must),
        arguments: [
            "", "bytes", "bytes ", "bytes 0-4", "bytes 5-4/10", "bytes 0-10/10", "bytes 0-9/9", "bytes */*",
            "bytes=0-4/10", "bytes  0-4/10", "bytes\t0-4/10", "items 0-4/10", "bytes 0-4/10 ,", "bytes 0-4/ 10",
            "bytes 0-4/1o", "bytes -4/10", "bytes 0-/10", "bytes 0-4/", "bytes 0-4/-", "bytes 0-4-5/10",
            "bytes 0-4/10/10",
            "bytes 0-4/18446744073709551616", "bytes 0-9223372036854775807/*", "bytes 99999999999999999999-4/*",
            "bytes 0x0-4/10", "bytes +0-4/10",
        ])
    func invalid(value: String) { #expect(read(value) == nil) }
}
