// Records and keys for tests: made from text, with a stand-in for MD5, since stores never interpret a key.

import CacheStorage
import HTTPCaching

extension CacheKey {
    /// A key for `text`, well spread, the same in every run.
    init(standInFor text: String) {
        var words: (UInt64, UInt64) = (0xcbf2_9ce4_8422_2325, 0x9ae1_6a3b_2f90_404f)
        for byte in text.utf8 {
            words.0 = (words.0 ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
            words.1 = (words.1 ^ words.0) &* 0x9e37_79b9_7f4a_7c15
        }
        self.init(high: words.0 ^ (words.1 >> 31), low: words.1)
    }
}

/// The properties of a record that a test sets; the rest has default values.
struct TestRecord {
    var keyText = "GET http://api.example/tasks"
    var id: UInt64 = 7
    var status: UInt16 = 200
    var discardAt = WallTime.never
    var varyNames = ""
    var head = "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    var etag = HeadRange(offset: 23, count: 4)
    var lastModified = HeadRange(offset: 44, count: 29)
    var headHasContentLength = true
    var fence = PurgePosition.start
    var url = CacheKey.none
    var body: [UInt8] = Array("[1,2,3]".utf8)

    var key: CacheKey { CacheKey(standInFor: keyText) }

    var description: RecordDescription {
        RecordDescription(
            id: id, status: status, discardAt: discardAt, facts: ordinaryFacts(), etag: etag,
            lastModified: lastModified,
            headHasContentLength: headHasContentLength, fence: fence, url: url)
    }

    func make() -> StoredResponse {
        StoredResponse.response(
            description, keyText: keyText.utf8.span, varyNames: varyNames.utf8.span, head: head.utf8.span,
            body: body.span)!
    }
}

extension StoredResponse {
    var keyTextString: String { string(keyText) }
    var varyNamesString: String { string(varyNames) }
    var headString: String { string(head) }
    var etagString: String { string(etag) }
    var lastModifiedString: String { string(lastModified) }
    var bodyArray: [UInt8] { body.withUnsafeBytes { Array($0) } }

    func belongs(to text: String) -> Bool { hasKeyText(text.utf8.span) }

    private func string(_ span: Span<UInt8>) -> String {
        span.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }
}

/// A body of `count` bytes that no other seed gives: a block of odd length, over and over.
func patternedBody(_ count: Int, seed: UInt8 = 1) -> [UInt8] {
    var state = UInt32(seed) | 0x100
    let block = (0..<min(count, 251)).map { _ in
        state = state &* 1_664_525 &+ 1_013_904_223
        return UInt8(truncatingIfNeeded: state >> 24)
    }
    var body: [UInt8] = []
    body.reserveCapacity(count + block.count)
    while body.count < count { body += block }
    body.removeLast(body.count - count)
    return body
}

/// Facts that differ in every byte, so that a store which mixes them up is detected.
func ordinaryFacts() -> StoredFacts {
    let bytes = (0..<StoredFacts.byteCount).map { UInt8($0 + 1) }
    return StoredFacts(bytes: bytes.span)!
}
