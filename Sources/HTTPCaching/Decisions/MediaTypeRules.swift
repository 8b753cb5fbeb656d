// Whether a response's media type is one that a route stores: `content_types`. Protects against cache deception, where
// the response to `/account/x.css` is a user's private page. Evaluated once for each response that may otherwise be
// stored.

import Bytes

/// Whether a response of this media type goes on for as long as somebody listens: server-sent events, and a series of
/// pictures. One client's is no other's, and a recording of it is of no use.
/// - Parameter contentType: the field's value.
func isEndlessStream(mediaType contentType: Span<UInt8>) -> Bool {
    let end = contentType.firstIndex(of: 0x3B, in: contentType.indices) ?? contentType.count
    let type = contentType.extracting(contentType.trimming(0..<end))
    return type.isCaseless("text/event-stream") || type.isCaseless("multipart/x-mixed-replace")
}

package struct MediaTypeRules: Sendable, Equatable {
    /// In lowercase.
    private let patterns: [[UInt8]]

    /// - Parameter patterns: `type/subtype` without parameters; a `*` matches any characters but a slash: `text/*`,
    ///   `application/*+json`, `*/*`.
    package init(_ patterns: [String]) { self.patterns = patterns.map { $0.utf8.map(\.lowercased) } }

    /// - Parameter contentType: the field's value; empty if the response has none, which then matches no pattern.
    package func allows(_ contentType: Span<UInt8>) -> Bool {
        let end = contentType.firstIndex(of: 0x3B, in: contentType.indices) ?? contentType.count
        let type = contentType.extracting(contentType.trimming(0..<end))
        guard Self.isMediaType(type) else { return false }
        for pattern in patterns where Self.matches(type, pattern.span) { return true }
        return false
    }

    /// Two tokens around one slash (RFC 9110 §8.3.1).
    private static func isMediaType(_ type: Span<UInt8>) -> Bool {
        guard let slash = type.firstIndex(of: 0x2F, in: type.indices), slash > 0, slash + 1 < type.count else {
            return false
        }
        for index in type.indices where index != slash && !type[index].isTokenCharacter { return false }
        return true
    }

    /// Backtracks to the latest star only, whose match then grows by one.
    private static func matches(_ type: Span<UInt8>, _ pattern: Span<UInt8>) -> Bool {
        var (position, patternPosition) = (0, 0)
        var star: (pattern: Int, type: Int)?
        while position < type.count {
            if patternPosition < pattern.count, pattern[patternPosition] == 0x2A {
                star = (patternPosition, position)
                patternPosition += 1
            } else if patternPosition < pattern.count, pattern[patternPosition] == type[position].lowercased {
                patternPosition += 1
                position += 1
            } else if let last = star, type[last.type] != 0x2F {
                star = (last.pattern, last.type + 1)
                position = last.type + 1
                patternPosition = last.pattern + 1
            } else {
                return false
            }
        }
        while patternPosition < pattern.count, pattern[patternPosition] == 0x2A { patternPosition += 1 }
        return patternPosition == pattern.count
    }
}
