// Which variant in memory is in a language: for a request that prefers one language to all others, and whose own
// Accept-Language has brought no variant yet. Its entries are small records beside the variants. They lead to a variant's
// key, so the variant itself is judged as any other, and is in memory once.
//
// An entry's text is that of the variants up to the generation, then ` =` and the language. No variant has such a text,
// since no field's name is empty.

import Bytes
import CacheStorage
import HTTPCaching
import HTTPSemantics
import Routing

enum LanguageIndex {
    /// Longer texts are of requests that nobody else makes.
    private static let longestText = 4096

    /// Whether responses vary by Accept-Language and nothing else.
    static func covers(_ varyNames: Span<UInt8>) -> Bool { varyNames.isCaseless("accept-language") }

    /// The text and key of the entry for a language.
    /// - Parameter variantText: of any variant of the same generation.
    static func entry(
        beside variantText: Span<UInt8>, plainCount: Int, language: Span<UInt8>
    ) -> (key: CacheKey, text: [UInt8]) {
        var end = min(plainCount + 1, variantText.count)
        while end < variantText.count, variantText[end] != UInt8(ascii: " ") { end += 1 }
        var text = variantText.extracting(..<end).copied()
        text += [UInt8(ascii: " "), UInt8(ascii: "=")]
        for index in language.indices { text.append(language[index].lowercased) }
        return (CacheKey(MD5Hasher.digest(of: text.span)), text)
    }

    /// Notes the language of a response that has just been stored under the key of a variant.
    static func note(_ response: StoredResponse, under keys: KeySelection, _ cache: Cache) {
        guard response.isResponse, response.status == 200, keys.key != keys.plainKey,
            keys.text.count <= longestText, covers(response.varyNames), let language = language(of: response.head)
        else { return }
        let (key, text) = entry(beside: keys.text.span, plainCount: keys.plainCount, language: language.span)
        let record = StoredResponse.varyIndex(
            generation: response.id, discardAt: response.discardAt, facts: response.facts, keyText: text.span,
            names: keys.text.span)
        if let record { cache.keepInMemory(key, record, until: cache.copiesEnd) }
    }

    /// The one language of the content; nil if there are several, or none is declared.
    private static func language(of head: Span<UInt8>) -> [UInt8]? {
        var lines = 0
        var language: [UInt8] = []
        StoredHead.forEachLine(of: head) { name, line in
            guard FieldName.recognise(name) == .contentLanguage else { return }
            lines += 1
            let value = StoredHead.value(of: line)
            language = value.extracting(value.trimming(value.indices)).copied()
        }
        return lines == 1 && PreferredLanguage.isLanguage(language.span) ? language : nil
    }
}

extension AdmittedRequest {
    /// The language that the request prefers to all others; nil if there is no single one.
    var preferredLanguage: ByteRange? {
        guard let value = head.first(.acceptLanguage), entry?.requestFields?.changesLanguage != true,
            head.fields.count(where: { $0.known == .acceptLanguage }) == 1
        else { return nil }
        let bytes = bytes
        for field in head.fields
        where field.known == .acceptLanguage && head.isNamedByConnection(field, in: bytes) { return nil }
        return PreferredLanguage.find(in: bytes.extracting(value)).map {
            ByteRange(value.lower + $0.lower, value.lower + $0.upper)
        }
    }
}
