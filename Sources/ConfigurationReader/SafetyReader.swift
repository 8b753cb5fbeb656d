// The keys of `cache` that say what a route's own lifetime applies to: who sends a request, and what a POST does.

import Configuration

enum SafetyReader {
    static func readCredentials(_ keys: KeyedValues, into cache: inout CacheSettings) {
        keys.read("cookies", into: &cache.cookies)
        let listed = keys.list("credentials") { text throws(ValueFault) in
            guard !text.isEmpty, text.utf8.allSatisfy(isTokenByte) else {
                throw ValueFault("invalid header name \(quoted(text))")
            }
            return HeaderName(text: text)
        }
        guard let listed else { return }
        let names = keys.reportingDuplicates(listed) { "the header \(quoted($0.text))" }
        cache.credentials = names.map(\.text)
        if cache.cookies == .ignore, names.contains(HeaderName(text: "Cookie")) {
            keys.fault(at: "cookies", "`credentials` lists Cookie, which `cookies: ignore` ignores", hint: "keep one")
        }
    }

    static func readPost(_ keys: KeyedValues, into cache: inout CacheSettings) {
        keys.read("post", into: &cache.post)
        keys.read("graphql", into: &cache.isGraphQL)
        if cache.isGraphQL, cache.post != .reads {
            keys.fault(
                at: "graphql", "`graphql: on` requires `post: reads`",
                hint: "add post: reads; only query operations are cached")
        }
        guard cache.post == .reads else { return }
        if keys.node("methods") == nil {
            cache.methods.insert(.post)
        } else if !cache.methods.contains(.post) {
            keys.fault(
                at: "post", "`post: reads` has no effect: POST is not in `methods`", hint: "add POST to `methods`")
        }
    }

    static func warnOfPost(_ keys: KeyedValues, _ cache: CacheSettings) {
        guard cache.methods.contains(.post), !cache.isGraphQL else { return }
        if cache.post == .reads {
            keys.warn(
                at: "post",
                "every POST is taken for a read: one that is repeated within the lifetime never reaches the upstream",
                hint:
                    "keep it only where POST changes nothing, as in a search; `graphql: on` tells queries from mutations"
            )
        } else {
            keys.warn(
                at: "methods",
                "POST is cached only where its response declares a lifetime; the route's own doesn't apply",
                hint: "add post: reads where POST only reads, as in a search, or remove POST")
        }
    }

    /// Compared without regard to case (RFC 9110 §5.1).
    private struct HeaderName: Hashable {
        let text: String

        private var folded: [UInt8] { text.utf8.map { (65...90).contains($0) ? $0 | 0x20 : $0 } }
        static func == (left: HeaderName, right: HeaderName) -> Bool { left.folded == right.folded }
        func hash(into hasher: inout Hasher) { hasher.combine(folded) }
    }
}
