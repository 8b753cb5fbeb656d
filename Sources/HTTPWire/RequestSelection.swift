// The parts of a request that are forwarded to the origin on a route where nothing else may influence the response
// (`cache.strict`). The caller composes the query and the cookies, since it knows the route's key; fields are selected
// here by name. Fields that Larder generates itself (Host, framing, Via, forwarding fields) are not affected.

import HTTPSemantics

package struct RequestSelection: Sendable {
    /// The query without its `?`; nil leaves out both.
    package var query: [UInt8]?
    /// The value of Cookie; empty leaves the field out, unless `fields` forwards the client's own.
    package var cookies: [UInt8] = []
    /// Known fields that are forwarded. `other` is ignored here.
    package var fields: FieldSet
    /// Names of other fields that are forwarded, in lower case.
    package var otherFields: [[UInt8]] = []

    package init(fields: FieldSet) { self.fields = fields }

    /// Whether the field is forwarded.
    func takes(_ field: FieldLine, in bytes: Span<UInt8>) -> Bool {
        if field.known != .other { return fields.contains(field.known) }
        let name = bytes.extracting(field.name)
        for other in otherFields where Token.equalIgnoringCase(name, other.span) { return true }
        return false
    }
}
