// `upstreams.*.hash_key`: what `balance: hash` goes by.

/// A template of request values. The servers of an upstream are chosen for requests of several routes, so it names no path
/// parameters.
package struct BalanceKey: Sendable, Hashable {
    package let template: KeyTemplate
    /// As written in the file.
    package var text: String { template.text }

    package init(parsing text: String) throws(ValueFault) {
        let template = try KeyTemplate(parsing: text)
        var hasValue = false
        for piece in template.pieces {
            switch piece {
            case .literal: continue
            case .header, .cookie, .queryParameter, .host, .path, .query: hasValue = true
            case .lookup(let name, _), .pathParameter(let name, _):
                throw ValueFault(
                    "\(quoted("{\(name)}")) can't be part of `hash_key`: the routes of an upstream have different parameters",
                    hint: "use {path}, {query.\(name)}, {header.NAME} or {cookie.NAME}")
            default:
                throw ValueFault(
                    "`hash_key` can be made of {host}, {path}, {query}, {query.NAME}, {header.NAME} and {cookie.NAME}",
                    hint: "without it, requests are spread by host and path")
            }
        }
        guard hasValue else {
            throw ValueFault(
                "the key \(quoted(text)) is the same for all requests", hint: "name a value, such as {header.x-user}")
        }
        self.template = template
    }
}
