// What alone of a request goes on to the origin, where a route lets nothing else change the answer (`cache.strict`). The
// query and the cookies come composed from whoever knows the route's key; fields are chosen by their names here. What
// Larder itself writes (Host, framing, Via, forwarding fields) is no matter of choice.

import HTTPSemantics

package struct RequestSelection: Sendable {
    /// The query without its `?`; nil leaves out both.
    package var query: [UInt8]?
    /// The value of Cookie; empty leaves the field out, unless `fields` lets the client's own through.
    package var cookies: [UInt8] = []
    /// Fields of known names that go on. `other` is no member that counts.
    package var fields: FieldSet
    /// Fields of all other names that go on, in lower case.
    package var otherFields: [[UInt8]] = []

    package init(fields: FieldSet) { self.fields = fields }

    /// Whether the field goes on.
    func takes(_ field: FieldLine, in bytes: Span<UInt8>) -> Bool {
        if field.known != .other { return fields.contains(field.known) }
        let name = bytes.extracting(field.name)
        for other in otherFields where Token.equalIgnoringCase(name, other.span) { return true }
        return false
    }
}
