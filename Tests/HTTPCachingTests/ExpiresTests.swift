import Testing

@testable import HTTPCaching

@Suite("RFC 9111 §5.3 Expires")
struct ExpiresTests {
    private func lifetime(_ fields: Fields) -> Int64? {
        store(response(200, fields + [(.etag, "\"a\"")])).facts?.lifetime.count
    }

    @Test("The lifetime is Expires less Date, or less the time of arrival", .tags(.must))
    func expiresFromDate() {
        #expect(
            lifetime([(.expires, "Mon, 01 Jan 2024 00:01:00 GMT"), (.date, "Mon, 01 Jan 2024 00:00:10 GMT")]) == 50)
        #expect(lifetime([(.expires, "Mon, 01 Jan 2024 00:01:00 GMT"), (.date, "nonsense")]) == 60)
    }

    @Test(
        "An invalid Expires is in the past", .tags(.must),
        arguments: ["0", "-1", "", "tomorrow", "Mon, 01 Jan 2024 00:01:00 CET"])
    func invalidExpires(value: String) { #expect(lifetime([(.expires, value)]) == 0) }

    @Test(
        "Expires is ignored if there is max-age or s-maxage, whatever its value", .tags(.must),
        arguments: ["max-age=5", "s-maxage=5"])
    func ignored(value: String) {
        #expect(lifetime([(.cacheControl, value), (.expires, "Mon, 01 Jan 2024 00:01:00 GMT")]) == 5)
        #expect(lifetime([(.cacheControl, value), (.expires, "0")]) == 5)
        #expect(lifetime([(.cacheControl, value.replacing("5", with: "x")), (.expires, arrivalDate)]) == 0)
    }

    @Test("A date in the past, or before Date, leaves no lifetime", .tags(.must))
    func past() {
        #expect(lifetime([(.expires, "Sun, 06 Nov 1994 08:49:37 GMT")]) == 0)
        #expect(lifetime([(.expires, "Mon, 01 Jan 2024 00:01:00 GMT"), (.date, "Mon, 01 Jan 2024 00:02:00 GMT")]) == 0)
    }

    @Test("An Expires in the far future is a long lifetime and doesn't overflow", .tags(.must))
    func future() { #expect(lifetime([(.expires, "Fri, 31 Dec 9999 23:59:59 GMT")]) == 4_294_967_295) }
}
