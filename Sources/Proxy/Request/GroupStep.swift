// Groups and tags of stored responses (RFC 9875, and the fields that purging goes by): what an answer invalidates, and
// whether something stored was invalidated with its group.

import Bytes
import CacheStorage
import HTTPCaching
import HTTPWire
import Routing

extension Transaction {
    /// RFC 9875 §3: an answer to an unsafe request may name groups of its own origin that it changes.
    func invalidateGroups(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        guard response.contains(.cacheGroupInvalidation) else { return }
        let request = self.bytes
        let authority = request.extracting(head.authority)
        let scheme = self.scheme.name
        var names: [[UInt8]] = []
        for field in response.fields where field.known == .cacheGroupInvalidation {
            let value = bytes.extracting(field.value)
            guard var groups = CacheGroups(field: value) else { return }
            while let range = groups.next(in: value) {
                names.append(
                    GroupName.group(value.extracting(range), scheme: scheme.span, authority: authority))
            }
        }
        let time = worker.loop.wallMilliseconds
        for name in names { worker.shared.groups.note(name, at: time) }
        worker.counters.groupsInvalidated += names.count
    }

    /// Whether a group or tag of a stored response was invalidated after it was asked for.
    func isInvalidatedWithGroup(_ stored: StoredResponse) -> Bool {
        let groups = worker.shared.groups
        guard !groups.isEmpty else { return false }
        let flags = stored.facts.flags
        guard flags.contains(.tagged) || flags.contains(.grouped) else { return false }
        let requestTime = stored.facts.requestTime
        let request = bytes
        let authority = request.extracting(head.authority).copied()
        let scheme = self.scheme.name
        var isCovered = false
        forEachLine(of: stored.head) { name, line in
            let known = FieldName.recognise(name)
            let value = fieldValue(line)
            if known == .cacheGroups {
                guard var members = CacheGroups(field: value) else { return }
                while let range = members.next(in: value) {
                    let text = GroupName.group(
                        value.extracting(range), scheme: scheme.span, authority: authority.span)
                    if groups.covers(text, requestedAt: requestTime) { isCovered = true }
                }
            } else if let separator = TagWalker.Separator(known) {
                var tags = TagWalker(separator)
                while let range = tags.next(in: value) {
                    if groups.covers(GroupName.tag(value.extracting(range)), requestedAt: requestTime) {
                        isCovered = true
                    }
                }
            }
        }
        return isCovered
    }

    /// Whether the route keeps a field of the origin's from its clients (`cache.tags: remove`).
    func isRemovedForClients(_ field: FieldName) -> Bool {
        entry?.removesTags == true && TagWalker.Separator(field) != nil
    }
}

extension TagWalker.Separator {
    /// How the tags of a field are told apart; nil for a field that has none.
    init?(_ field: FieldName) {
        switch field {
        case .cacheTag: self = .commas
        case .surrogateKey: self = .spaces
        case .xkey: self = .commasAndSpaces
        default: return nil
        }
    }
}

extension URIScheme {
    var name: [UInt8] { Array((self == .https ? "https" : "http").utf8) }
}
