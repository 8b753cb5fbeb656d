/// RFC 9111 for a shared cache, written as plainly as possible with strings and dictionaries, from the RFC's sentences and
/// without a look at the sources: what the real code is compared with. Knows standard mode only.
struct PlainModel {
    struct Message {
        /// By lowercase name, in the order of the lines.
        var fields: [String: [String]] = [:]
        var status = 200
        var method = "GET"
    }

    struct Route {
        var timeout: Int64?
        var honoursClients = true
        var allowsAuthorization = false
        var allowsCookies = false
        var staleWhileRevalidate: Int64 = 0
        var staleIfError: Int64 = 0
    }

    /// Seconds since the response arrived; dates in messages are given as such offsets too.
    struct Stored: Equatable {
        var age: Int64
        var lifetime: Int64
        var directives: [String: String?]
        var sharedByOrigin: Bool
        var life: Int64
        var staleWhileRevalidate: Int64
        var staleIfError: Int64
    }

    static func directives(_ lines: [String]?) -> [String: String?] {
        var found: [String: String?] = [:]
        for part in (lines ?? []).joined(separator: ",").split(separator: ",") {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map {
                trim(String($0))
            }
            let name = sides[0].lowercased()
            if name.isEmpty { continue }
            var value = sides.count == 2 ? unquote(sides[1]) : nil
            // Without a value it takes any staleness, which is what the greatest number says too.
            if name == "max-stale", sides.count == 1 { value = "2147483648" }
            if name == "min-fresh", delta(value) == nil { continue }
            if let earlier = found[name], let old = delta(earlier), let new = delta(value) {
                // min-fresh is the one whose greater value is the stricter.
                found[name] = .some(String(name == "min-fresh" ? max(old, new) : min(old, new)))
            } else if found[name] != nil, delta(found[name]!) == nil {
                continue
            } else {
                found[name] = .some(value)
            }
        }
        return found
    }

    static func delta(_ text: String?) -> Int64? {
        guard let text, !text.isEmpty, text.allSatisfy({ "0123456789".contains($0) }) else { return nil }
        return min(Int64(text) ?? .max, 2_147_483_648)
    }

    /// The governing directives, and whether a targeted field gave them.
    static func governing(_ response: Message) -> ([String: String?], isTargeted: Bool) {
        for name in ["larder-cache-control", "cdn-cache-control"] {
            let lines = (response.fields[name] ?? []).filter { !trim($0).isEmpty }
            // The generator writes either correct dictionaries or ones broken by a capital letter.
            if !lines.isEmpty, lines.allSatisfy({ $0 == $0.lowercased() }) { return (directives(lines), true) }
        }
        return (directives(response.fields["cache-control"]), false)
    }

    static func store(_ request: Message, _ response: Message, _ route: Route, delay: Int64) -> Stored? {
        let (said, isTargeted) = governing(response)
        let asked = directives(request.fields["cache-control"])
        let fields = response.fields
        guard request.method == "GET", response.status >= 200, ![206, 304, 412, 416].contains(response.status) else {
            return nil
        }
        if route.honoursClients, asked.keys.contains("no-store") { return nil }
        let understood = [200, 203, 204, 301, 302, 404, 410, 500, 503].contains(response.status)
        if said.keys.contains("must-understand") {
            if !understood { return nil }
        } else if said.keys.contains("no-store") {
            return nil
        }
        if said.keys.contains("private") { return nil }
        let isOpen = ["public", "must-revalidate", "s-maxage"].contains { said.keys.contains($0) }
        if request.fields["authorization"] != nil, !isOpen, !route.allowsAuthorization { return nil }
        if fields["set-cookie"] != nil, !route.allowsCookies { return nil }
        if (fields["vary"] ?? []).joined(separator: ",").split(separator: ",").contains(where: {
            trim(String($0)) == "*"
        }) {
            return nil
        }

        let date = fields["date"].flatMap { Int64($0[0]) } ?? 0
        var lifetime: Int64?
        var isExplicit = true
        if let value = said["s-maxage"] ?? said["max-age"] {
            lifetime = delta(value) ?? 0
        } else if !isTargeted, let expires = fields["expires"] {
            lifetime = expires.map { Int64($0).map { $0 - date } ?? -1 }.min()
        } else {
            isExplicit = false
            let mayGuess = [200, 203, 204, 301, 404, 410].contains(response.status) || said.keys.contains("public")
            if mayGuess { lifetime = route.timeout }
            let hasValidator = fields["etag"] != nil || fields["last-modified"] != nil
            if mayGuess, lifetime == nil, said.keys.contains("no-cache"), hasValidator { lifetime = 0 }
        }
        guard var lifetime else { return nil }
        lifetime = min(max(lifetime, 0), 2_147_483_648)
        var received: Int64 = 0
        if let line = fields["age"]?.first {
            let first = trim(String(line.split(separator: ",", omittingEmptySubsequences: false).first ?? ""))
            if let age = delta(first) { received = age } else { lifetime = 0 }
        }
        let age = min(max(max(0, -date), received + delay), 2_147_483_648)
        let neverStale = ["must-revalidate", "proxy-revalidate", "s-maxage", "no-cache"].contains {
            said.keys.contains($0)
        }
        let swr = said["stale-while-revalidate"].map { delta($0) ?? 0 } ?? route.staleWhileRevalidate
        let sie = said["stale-if-error"].map { delta($0) ?? 0 } ?? route.staleIfError
        let remaining = lifetime - age
        let fresh = said.keys.contains("no-cache") ? 0 : max(0, remaining)
        let stale = neverStale ? 0 : max(0, max(swr, sie) + min(0, remaining))
        let kept: Int64 = fields["etag"] != nil || fields["last-modified"] != nil ? 600 : 0
        let life = fresh + max(stale, kept)
        let isShared = isExplicit || said.keys.contains("public") || said.keys.contains("must-revalidate")
        return life > 0
            ? Stored(
                age: age, lifetime: lifetime, directives: said, sharedByOrigin: isShared, life: life,
                staleWhileRevalidate: swr,
                staleIfError: sie) : nil
    }

    /// "fresh", "stale", "validate" with what may follow a failure, "bypass" or "504".
    static func reuse(_ stored: Stored, _ request: Message, _ route: Route, after seconds: Int64) -> String {
        let asked = route.honoursClients ? directives(request.fields["cache-control"]) : [:]
        let hasPragma = (request.fields["pragma"] ?? []).contains { $0.lowercased().contains("no-cache") }
        let age = stored.age + max(0, seconds)
        let staleness = age - stored.lifetime
        let isFresh = staleness < 0
        let said = stored.directives.keys
        let neverStale = ["must-revalidate", "proxy-revalidate", "s-maxage", "no-cache"].contains { said.contains($0) }
        func forward(_ verdict: String) -> String { asked.keys.contains("only-if-cached") ? "504" : verdict }

        if request.fields["authorization"] != nil, !route.allowsAuthorization, !stored.sharedByOrigin {
            return forward("bypass")
        }
        if said.contains("no-cache") { return forward("validate") }
        if asked.keys.contains("no-cache") { return forward("validate") }
        if route.honoursClients, request.fields["cache-control"] == nil, hasPragma { return forward("validate") }

        var fallback = ""
        if isFresh || !neverStale { fallback += " disconnect" }
        let allowance = max(stored.staleIfError, asked["stale-if-error"].flatMap { delta($0) } ?? 0)
        if isFresh || (!neverStale && allowance > 0 && staleness <= allowance) { fallback += " error" }

        let isImmutable = said.contains("immutable") && isFresh
        if let value = asked["max-age"], !isImmutable {
            let limit = delta(value) ?? 0
            if age > limit || limit == 0 { return forward("validate" + fallback) }
        }
        if let value = asked["min-fresh"], let wanted = delta(value), -staleness < wanted {
            return forward("validate" + fallback)
        }
        if isFresh { return "fresh" }
        if neverStale { return forward("validate") }
        if let value = asked["max-stale"], staleness <= delta(value) ?? 0 { return "stale" }
        let isPicky = ["max-age", "max-stale", "min-fresh"].contains { asked.keys.contains($0) }
        if !isPicky, stored.staleWhileRevalidate > 0, staleness <= stored.staleWhileRevalidate { return "stale" }
        return forward("validate" + fallback)
    }

    private static func trim(_ text: String) -> String {
        String(text.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
    }

    private static func unquote(_ text: String) -> String {
        text.count >= 2 && text.hasPrefix("\"") && text.hasSuffix("\"") ? String(text.dropFirst().dropLast()) : text
    }
}
