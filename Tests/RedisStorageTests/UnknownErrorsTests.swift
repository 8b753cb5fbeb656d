import Testing

@testable import RedisStorage

@Suite("Redis: error replies of no known kind")
struct UnknownErrorsTests {
    @Test(
        "What stands in quotes and numbers is left out, so that no content of a response is told",
        arguments: [
            (
                "ERR unknown command 'x', with args beginning with: 'larder:1' 'secr",
                "ERR unknown command '', with args beginning with: '' '"
            ),
            ("ERR value isn't 17 or 4", "ERR value isn't # or #"), ("NEW \u{1}\n", "NEW ??"), ("", ""),
            (String(repeating: "a", count: 1000), String(repeating: "a", count: 160)),
        ])
    func kinds(_ text: String, _ kind: String) { #expect(UnknownErrors.kind(of: Array(text.utf8).span) == kind) }

    @Test("Each kind is told once, and only so many kinds")
    func once() {
        var errors = UnknownErrors()
        func note(_ text: String) -> String? { errors.note(Array(text.utf8).span) }
        #expect(note("ERR try 'a'") == "ERR try ''")
        #expect(note("ERR try 'b'") == nil)
        let told = (0..<100).compactMap { note("ERR " + String(repeating: "x", count: $0)) }
        #expect(told.count == UnknownErrors.limit - 1)
    }
}
