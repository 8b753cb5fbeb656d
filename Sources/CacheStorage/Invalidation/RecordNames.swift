// The groups and tags in a stored response's head (RFC 9875, and the tag fields for purging). Nothing allocates.

import HTTPCaching
import HTTPSemantics

extension PurgeName {
    /// Calls `body` with the names of the groups and tags in a stored head. Allocates nothing.
    /// - Parameter origin: what the groups belong to.
    static func forEach(inHead head: Span<UInt8>, of origin: GroupOrigin, _ body: (PurgeName) -> Void) {
        StoredHead.forEachLine(of: head) { name, line in
            let field = FieldName.recognise(name)
            let value = StoredHead.value(of: line)
            if field == .cacheGroups {
                guard var groups = CacheGroups(field: value) else { return }
                while let range = groups.next(in: value) {
                    body(.group(value.extracting(range), of: origin))
                }
            } else if let separator = TagWalker.Separator(field) {
                var tags = TagWalker(separator)
                while let range = tags.next(in: value) { body(.tag(value.extracting(range))) }
            }
        }
    }
}

extension TagWalker.Separator {
    /// The separator of the field's tags; nil for a field that has no tags.
    package init?(_ field: FieldName) {
        switch field {
        case .cacheTag: self = .commas
        case .surrogateKey: self = .spaces
        case .xkey: self = .commasAndSpaces
        default: return nil
        }
    }
}

extension FieldName {
    /// Whether a field holds tags, of its own response or to be purged.
    package var isTag: Bool { self == .cachePurgeTags || TagWalker.Separator(self) != nil }
}
