// The entries of `cache.content_types`.

/// A media type, or all subtypes of one, in lower case: `application/json`, `text/*`.
package func mediaRange(parsing text: String) throws(ValueFault) -> String {
    let shown = quoted(text)
    guard !text.contains(";") else {
        throw ValueFault("\(shown) has parameters, which are not supported", hint: "write only the type")
    }
    let parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy(isTokenByte) }) else {
        throw ValueFault("\(shown) is not a media type", hint: "write application/json, or text/* for all text")
    }
    let star = UInt8(ascii: "*")
    guard !parts[0].contains(star) else {
        throw ValueFault("\(shown) has a * as its type", hint: "remove `content_types` to store all types")
    }
    guard !parts[1].contains(star) || parts[1].count == 1 else {
        throw ValueFault("\(shown) has a misplaced *", hint: "only a whole subtype can be *, as in text/*")
    }
    return String(decoding: text.utf8.map(lowercase), as: UTF8.self)
}
