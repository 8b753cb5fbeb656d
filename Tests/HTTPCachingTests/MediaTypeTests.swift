import Testing

@testable import HTTPCaching

@Suite("Route policy: media types that are stored")
struct MediaTypeTests {
    private func allows(_ patterns: [String], _ value: String) -> Bool {
        let bytes = Array(value.utf8)
        return MediaTypeRules(patterns).allows(bytes.span)
    }

    @Test(
        "Types match in any case and without their parameters", .tags(.choice),
        arguments: [
            ("application/json", "application/json"), ("application/json", "Application/JSON; charset=utf-8"),
            ("Application/JSON", " application/json ;a=b"), ("text/*", "text/html"), ("*/*", "a/b"),
            ("application/*+json", "application/problem+json"), ("*/json", "text/json"), ("text/*", "TEXT/x-y"),
            ("a/*b*c", "a/xbxbyc"),
        ])
    func matching(pattern: String, value: String) { #expect(allows([pattern], value)) }

    @Test(
        "Other types don't match", .tags(.choice),
        arguments: [
            ("application/json", "application/jsonp"), ("application/json", "text/json"), ("text/*", "texts/html"),
            ("application/*+json", "application/json"), ("*", "a/b"), ("a/*b*c", "a/xbxby"), ("json", "json"),
            ("text/html", "text/html, application/json"), ("", "a/b"), ("a/", "a/b"),
        ])
    func differing(pattern: String, value: String) { #expect(!allows([pattern], value)) }

    @Test(
        "An invalid media type is never allowed", .tags(.choice),
        arguments: [
            "", " ", ";charset=utf-8", "text", "/", "text/", "/html", "te xt/html", "text/ht ml", "a/b/c", "a/\"b\"",
        ])
    func broken(value: String) { #expect(!allows(["*/*", "*"], value)) }

    @Test("One matching pattern is enough, and an empty list allows nothing", .tags(.choice))
    func several() {
        #expect(allows(["application/json", "text/*"], "text/csv"))
        #expect(!allows([], "text/csv"))
    }
}
