// The groups and tags in a stored response's head (RFC 9875, and the tag fields for purging), and whether one of them
// was invalidated since. This is on the hit path of such records, so nothing allocates.

import HTTPCaching
import HTTPSemantics

extension InvalidationClock {
    /// Whether a group or tag of the record was invalidated after the record was requested, or may have been.
    /// - Parameter origin: the origin that the record's groups belong to.
    func coversGroup(of record: StoredResponse, from origin: GroupOrigin) -> Bool {
        let requestTime = record.facts.requestTime
        var isCovered = false
        StoredHead.forEachLine(of: record.head) { name, line in
            if isCovered { return }
            let field = FieldName.recognise(name)
            let value = StoredHead.value(of: line)
            if field == .cacheGroups {
                guard var groups = CacheGroups(field: value) else { return }
                while !isCovered, let range = groups.next(in: value) {
                    isCovered = covers(.group(value.extracting(range), of: origin), requestedAt: requestTime)
                }
            } else if let separator = TagWalker.Separator(field) {
                var tags = TagWalker(separator)
                while !isCovered, let range = tags.next(in: value) {
                    isCovered = covers(.tag(value.extracting(range)), requestedAt: requestTime)
                }
            }
        }
        return isCovered
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
    /// Whether a field holds tags.
    package var isTag: Bool { TagWalker.Separator(self) != nil }
}
