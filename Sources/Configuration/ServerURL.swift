// A server of an upstream as it is written: `http://127.0.0.1:9000/base`.

/// Where a server is, and what its paths begin with.
package struct ServerURL: Sendable, Hashable {
    package let address: OriginAddress
    /// In the normal form, without a slash at the end; empty for none.
    package let basePath: String
}

extension ServerURL: CustomStringConvertible {
    /// Reads `http://host[:port][/base]`, the same with `https://` and `h2c://`, and `unix:/path`.
    package init(parsing text: String) throws(ValueFault) {
        guard let scheme = OriginAddress.scheme(of: text) else {
            self.init(address: try OriginAddress(parsing: text), basePath: "")
            return
        }
        let rest = text.dropFirst(scheme.count)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let path = rest.dropFirst(authority.count)
        guard !path.contains("?"), !path.contains("#") else {
            throw ValueFault(
                "\(quoted(text)) has a ? or #", hint: "an upstream's URL ends with its path: the query is the client's")
        }
        let address = try OriginAddress(parsing: "\(scheme)\(authority)")
        guard !path.contains("{"), !path.contains("}") else {
            throw ValueFault(
                "\(quoted(text)) has a parameter in its path", hint: "use `rewrite` in a route: rewrite: \(path)")
        }
        self.init(address: address, basePath: try ServerURL.basePath(path, of: text))
    }

    private static func basePath(_ path: Substring, of text: String) throws(ValueFault) -> String {
        var path = path
        if path.hasSuffix("/") { path = path.dropLast() }
        guard !path.isEmpty else { return "" }
        do throws(ValueFault) {
            let pattern = try PathPattern(parsing: String(path))
            guard pattern.segments.last != .literal("") else { throw ValueFault("the path has an empty segment") }
            return pattern.description
        } catch {
            throw ValueFault("\(quoted(text)): \(error.message)", hint: error.hint)
        }
    }

    package var description: String { address.description + basePath }
}
