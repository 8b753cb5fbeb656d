import Testing

@testable import HTTPSemantics

@Suite("RFC 9110 §15 Reason phrases")
struct ReasonPhraseTests {
    @Test(
        "A status has its own phrase, or that of its class",
        arguments: [
            (200, "OK"), (404, "Not Found"), (451, "Unavailable For Legal Reasons"), (508, "Loop Detected"),
            (150, "Information"), (299, "OK"), (399, "Redirection"), (499, "Bad Request"),
            (599, "Internal Server Error"),
        ])
    func phrases(status: Int, phrase: String) { #expect("\(ReasonPhrase.of(status))" == phrase) }
}
