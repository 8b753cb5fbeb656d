import Testing

@testable import Configuration

@Suite("A name is suggested only where a typo may lead to it")
struct NearestNameTests {
    @Test(
        "near",
        arguments: [
            ("timout", "timeout"), ("tiemout", "timeout"), ("hots", "host"), ("pth", "path"), ("upsteam", "upstream"),
            ("ids", "id"), ("stale-if-error", "stale_if_error"), ("content_typ", "content_types"), ("conn", "connect"),
        ])
    func near(_ typo: String, _ name: String) { #expect(nearestName(to: typo, among: [name]) == name) }

    @Test(
        "not near",
        arguments: [
            ("auth", "path"), ("x", "a"), ("ab", "cd"), ("port", "path"), ("cors", "host"), ("tags", "keys"),
            ("memory", "method"), ("headers", "fields"), ("proxy", "query"),
        ])
    func far(_ word: String, _ name: String) { #expect(nearestName(to: word, among: [name]) == nil) }

    @Test("the nearest of several")
    func nearest() { #expect(nearestName(to: "timeou", among: ["timer", "timeout", "time"]) == "timeout") }
}
