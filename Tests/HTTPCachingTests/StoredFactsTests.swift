import HTTPSemantics
import Testing

@testable import HTTPCaching

@Suite("Byte form of the stored facts")
struct StoredFactsTests {
    @Test("What is written is read back", .tags(.choice))
    func roundTrip() {
        let fields: Fields = [
            (.cacheControl, "max-age=99999999999, stale-if-error=7, stale-while-revalidate=9, immutable"),
            (.etag, "W/\"a\""), (.age, "12"),
            (.lastModified, "Sun, 06 Nov 1994 08:49:37 GMT"), (.vary, "Accept"),
        ]
        let facts = store(response(404, fields), requestTime: arrival + -3).facts!
        var bytes: [UInt8] = []
        facts.write(to: &bytes)
        #expect(bytes.count == StoredFacts.byteCount)
        let readBack = StoredFacts(bytes: bytes.span)
        #expect(readBack == facts)
        #expect(facts.flags == [.immutable, .weakETag, .lastModified, .varies, .sharedByOrigin])
        bytes.removeLast()
        let truncated = StoredFacts(bytes: bytes.span)
        #expect(truncated == nil)
    }

    @Test("Times keep their milliseconds, and every flag its bit", .tags(.choice))
    func everyField() {
        let times = [Int64.min, -1, 0, 1_704_067_200_123, .max].map { Instant(milliseconds: $0) }
        for (index, time) in times.enumerated() {
            let facts = StoredFacts(
                requestTime: time, responseTime: times[(index + 1) % 5], date: times[(index + 2) % 5],
                lastModifiedTime: times[(index + 3) % 5], correctedInitialAge: 4_294_967_295, lifetime: 7,
                staleWhileRevalidate: 0, staleIfError: 4_294_967_295, status: Status(599),
                flags: StoredFacts.Flags(rawValue: 0xA5A5))
            var bytes: [UInt8] = []
            facts.write(to: &bytes)
            let readBack = StoredFacts(bytes: bytes.span)
            #expect(readBack == facts)
        }
    }

    @Test(
        "Flags record which fields for purges and keys the head has", .tags(.choice),
        arguments: [
            (FieldName.cacheTag, StoredFacts.Flags.tagged), (.surrogateKey, .tagged), (.xkey, .tagged),
            (.cacheGroups, .grouped), (.noVarySearch, .searchVaries), (.vary, .varies),
        ])
    func flags(field: FieldName, flag: StoredFacts.Flags) {
        let fresh: Fields = [(.cacheControl, "max-age=60")]
        #expect(store(response(200, fresh + [(field, "a")])).facts?.flags == [flag, .sharedByOrigin])
        #expect(store(response(200, fresh)).facts?.flags == .sharedByOrigin)
    }
}
