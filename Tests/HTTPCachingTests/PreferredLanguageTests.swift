import HTTPSemantics
import Testing

@testable import HTTPCaching

@Suite("RFC 9110 §12.5.4 Accept-Language")
struct PreferredLanguageTests {
    private func preferred(_ value: String) -> String? {
        let bytes = Array(value.utf8)
        return PreferredLanguage.find(in: bytes.span).map {
            String(decoding: bytes[$0.lower..<$0.upper], as: UTF8.self)
        }
    }

    @Test(
        "The language with the greatest weight", .tags(.should),
        arguments: [
            ("de", "de"), ("fr;q=0.5, de;q=1.0", "de"), ("fr;q=0.5,de", "de"), ("fr ; q=0.501 , en;Q=0.5", "fr"),
            (",, de-AT ,fr;q=0", "de-AT"), ("*;q=0.1, de;q=0.2", "de"),
        ])
    func single(value: String, language: String) { #expect(preferred(value) == language) }

    @Test(
        "None where several have it, where it is any, or where the value isn't valid", .tags(.should),
        arguments: [
            "", "en, de", "en;q=0.5, de;q=0.5, fr;q=0.4", "*", "*, de;q=0.9", "de;q=0", "de;q=2", "de;q=1.001",
            "de;q=x",
            "de;q=0.5555", "de;v=1", "de;q=.5", "de;", "de_AT", "\"de\"", "de fr", "de;q=0,5",
        ])
    func none(value: String) { #expect(preferred(value) == nil) }
}
