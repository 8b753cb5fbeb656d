import Bytes
import HTTPSemantics
import Testing

@testable import HTTPCaching

@Suite("What may be stored as bare JSON: what means the same without the rest of its response")
struct JSONStoringTests {
    private func refusal(
        _ fields: [String], status: Int = 200, forbidsTransformation: Bool = false, replaced: Set<String> = [],
        fixed: Set<String> = ["accept-encoding"]
    ) -> Reason? {
        var check = JSONStorageCheck(status: Status(status), forbidsTransformation: forbidsTransformation)
        for field in fields {
            let parts = field.split(separator: ":", maxSplits: 1)
            let (name, value) = (String(parts[0]), parts[1].trimmingPrefix(" "))
            let known = FieldName.recognise(name.utf8.span)
            let text = String(value)
            check.note(known, name.utf8.span, text.utf8.span, isReplaced: replaced.contains(name.lowercased())) {
                fixed.contains(string($0.copied()).lowercased())
            }
        }
        return check.refusal
    }

    @Test(
        "A 200 with JSON in UTF-8", .tags(.choice),
        arguments: [
            "application/json", "Application/JSON", "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
            "application/json;",
        ])
    func types(_ type: String) {
        #expect(refusal(["Content-Type: \(type)"]) == nil)
        #expect(refusal(["Content-Type: \(type)"], status: 404) == .jsonType)
        #expect(refusal(["Content-Type: \(type)", "Content-Type: \(type)"]) == .jsonType)
    }

    @Test(
        "No other media type, which would be lost", .tags(.choice),
        arguments: [
            "text/html", "application/problem+json", "application/vnd.api+json", "text/json",
            "application/json; charset=iso-8859-1", "application/json; profile=\"x\"",
            "application/json; charset=utf-8; profile=x", "application/jsonp",
        ])
    func otherTypes(_ type: String) {
        #expect(refusal(["Content-Type: \(type)"]) == .jsonType)
        #expect(refusal([]) == .jsonType)
    }

    @Test("Vary may name only what makes no difference between requests of one key", .tags(.choice))
    func vary() {
        let type = "Content-Type: application/json"
        #expect(refusal([type, "Vary: Accept-Encoding"]) == nil)
        #expect(refusal([type, "Vary: Accept-Encoding, Accept-Language"]) == .jsonVary)
        #expect(
            refusal([type, "Vary: accept-language, Accept-Encoding"], fixed: ["accept-language", "accept-encoding"])
                == nil)
        #expect(refusal([type, "Vary: Accept-Encoding", "Vary: Cookie"]) == .jsonVary)
        #expect(refusal([type, "Vary: *"]) == .jsonVary)
    }

    @Test(
        "No fields that clients go by, unless the route writes them itself", .tags(.choice),
        arguments: [
            "Link: </x>; rel=next", "Content-Language: de", "Content-Location: /x", "Content-Disposition: attachment",
            "Access-Control-Allow-Origin: *", "Refresh: 5", "Signature: a=:b:", "Authentication-Info: x",
            "Preference-Applied: x",
        ])
    func clientFields(_ field: String) {
        let type = "Content-Type: application/json"
        #expect(refusal([field, type]) == .jsonFields)
        #expect(refusal([type, field]) == .jsonFields)
        let name = field.split(separator: ":")[0].lowercased()
        #expect(refusal([type, field], replaced: [name]) == nil)
    }

    @Test(
        "Nothing that is coded, set for one client, or named for purges", .tags(.choice),
        arguments: [
            "Content-Encoding: gzip", "Set-Cookie: a=b", "Cache-Tag: a", "Surrogate-Key: a", "xkey: a",
            "Cache-Groups: \"a\"", "No-Vary-Search: params", "Content-Range: bytes 0-1/2",
        ])
    func neverStored(_ field: String) {
        let name = field.split(separator: ":")[0].lowercased()
        #expect(refusal(["Content-Type: application/json", field], replaced: [name]) == .jsonFields)
    }

    @Test("What may be lost: validators, times, and what isn't known", .tags(.choice))
    func lost() {
        let fields = [
            "Content-Type: application/json", "ETag: \"a\"", "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", "Age: 3",
            "Server: x", "Date: Sun, 06 Nov 1994 08:49:37 GMT", "X-Process-Time: 1", "Content-Encoding: identity",
            "Cache-Control: max-age=60", "Content-Length: 3",
        ]
        #expect(refusal(fields) == nil)
        #expect(refusal(fields, forbidsTransformation: true) == .jsonFields)
    }

    private func facts(lifetime: Seconds, age: Seconds = 0, flags: StoredFacts.Flags = []) -> StoredFacts {
        let now = Instant(secondsSinceEpoch: 1_000_000)
        return StoredFacts(
            requestTime: now, responseTime: now, date: now, lastModifiedTime: now, correctedInitialAge: age,
            lifetime: lifetime, staleWhileRevalidate: 60, staleIfError: 60, status: Status(200), flags: flags)
    }

    @Test("It lives as long as it is fresh, and no longer than the route's lifetime", .tags(.choice))
    func life() throws {
        func life(_ facts: StoredFacts) throws -> Seconds {
            guard case .store(let stored, let life) = jsonStorageVerdict(facts, longest: 300, reads: true) else {
                throw CancellationError()
            }
            #expect(stored.staleWhileRevalidate == .zero && stored.staleIfError == .zero && !stored.hasValidator)
            #expect(stored.lifetime - stored.correctedInitialAge == life && stored.flags.contains(.bareJSON))
            return life
        }
        #expect(try life(facts(lifetime: 60, flags: [.strongETag, .sharedByOrigin])) == 60)
        #expect(try life(facts(lifetime: 60, age: 20)) == 40)
        #expect(try life(facts(lifetime: 3600)) == 300)
        #expect(try life(facts(lifetime: 3600, age: 100)) == 300)
    }

    @Test("It isn't stored for later validation, nor where its sharing depends on what is lost", .tags(.choice))
    func refused() {
        #expect(jsonStorageVerdict(facts(lifetime: 0), longest: 300, reads: true) == .refuse(.alreadyStale))
        #expect(
            jsonStorageVerdict(facts(lifetime: 60, flags: [.noCache, .strongETag]), longest: 300, reads: true)
                == .refuse(.noCacheUnvalidatable))
        #expect(jsonStorageVerdict(facts(lifetime: 60), longest: 300, reads: false) == .refuse(.postRuns))
    }

    @Test("An entry that is found is as old as it lacks of the route's lifetime", .tags(.choice))
    func found() {
        let now = Instant(secondsSinceEpoch: 1_000_000)
        func found(_ left: Int64?) -> StoredFacts {
            StoredFacts(bareJSONFoundAt: now, date: now, left: left, longest: 300_000)
        }
        #expect(found(180_500).currentAge(at: now) == 119)
        #expect(found(180_500).timeToLive(at: now) == 181)
        #expect(found(180_500).requestTime.milliseconds == now.milliseconds - 119_500)
        #expect(found(900_000).currentAge(at: now) == 0 && found(900_000).timeToLive(at: now) == 900)
        #expect(found(nil).currentAge(at: now) == 0 && found(nil).timeToLive(at: now) == 300)
        #expect(found(.max).timeToLive(at: now) > 0)
    }
}
