import HTTPSemantics
import Testing

@testable import HTTPCaching

@Suite("RFC 9111 §3.1 Storing header fields")
struct StoredFieldsTests {
    @Test("Connection and proxy fields are not stored, all others are", .tags(.must))
    func stored() {
        let excluded = FieldName.allCases.filter { !StoredFieldRule.mayBeStored($0) }
        #expect(
            Set(excluded) == [
                .age, .connection, .keepAlive, .proxyConnection, .proxyAuthenticate, .proxyAuthorization,
                .proxyAuthenticationInfo,
                .te, .trailer, .transferEncoding, .upgrade, .xCache,
            ])
    }

    @Test(
        "Fields named by a directive are found", .tags(.must),
        arguments: [
            (#"private="Set-Cookie, X-User""#, "x-user", true), (#"max-age=1, no-cache="x-user""#, "X-User", true),
            (#"private="x-users""#, "x-user", false), ("private, x-user", "x-user", false),
            (#"foo="x-user""#, "x-user", false),
            ("no-cache=x-user", "x-user", true),
        ])
    func named(value: String, name: String, isNamed: Bool) {
        let (value, name) = (Array(value.utf8), Array(name.utf8))
        let found = FieldNameList.cacheControl(value.span, names: name.span)
        #expect(found == isNamed)
    }

    @Test("A Connection value names fields", .tags(.must))
    func connection() {
        let (value, name, other) = (Array("close, X-Hop ,".utf8), Array("x-hop".utf8), Array("x-ho".utf8))
        let isNamed = FieldNameList.connection(value.span, names: name.span)
        let isOtherNamed = FieldNameList.connection(value.span, names: other.span)
        #expect(isNamed && !isOtherNamed)
    }

    @Test("A qualified private or no-cache leaves the rest storable and reusable", .tags(.must))
    func qualified() {
        for value in [#"max-age=60, private="x""#, #"max-age=60, no-cache="x""#] {
            #expect(reuse([(.cacheControl, value)], after: 1)?.name == "fresh")
        }
    }
}

@Suite("RFC 9111 §3.2 Updating stored header fields")
struct UpdatedFieldsTests {
    @Test("Every field that may be stored replaces the stored one, unknown ones and tags too", .tags(.must))
    func updated() {
        let kept: Set<FieldName> = [.contentLength, .contentEncoding, .contentType, .contentRange]
        for field in FieldName.allCases where StoredFieldRule.mayBeStored(field) && !kept.contains(field) {
            #expect(StoredFieldRule.mayBeUpdated(field), "\(field)")
        }
    }

    @Test("Content-Length is not updated, nor what is not stored", .tags(.must))
    func excepted() {
        #expect(!StoredFieldRule.mayBeUpdated(.contentLength))
        for field in FieldName.allCases where !StoredFieldRule.mayBeStored(field) {
            #expect(!StoredFieldRule.mayBeUpdated(field), "\(field)")
        }
    }

    @Test(
        "Nor are the fields that describe the stored content: its type, coding and range", .tags(.choice),
        arguments: [FieldName.contentType, .contentEncoding, .contentRange])
    func describesContent(field: FieldName) { #expect(!StoredFieldRule.mayBeUpdated(field)) }
}
