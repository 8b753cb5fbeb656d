// The groups and tags that a stored response names in its own head (RFC 9875, and the fields that purging goes by), and
// whether the clock has seen one of them invalidated since. A HIT of such a record runs through here, so nothing allocates.

import HTTPCaching
import HTTPSemantics

extension InvalidationClock {
    /// Whether a group or tag of the record was invalidated after the record was requested, or may have been.
    /// - Parameter origin: whose groups the record's are.
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
    /// How the tags of a field are told apart; nil for a field that has none.
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
