/// RFC 9111 for a shared cache with Larder's route settings, written as plainly as possible with strings and
/// dictionaries, from the RFC's sentences and independently of the sources. The real code is compared with it. Times
/// are milliseconds from midnight, lifetimes whole seconds, dates in messages are numbers of seconds from midnight.
struct PlainModel {
    struct Message {
        /// By lowercase name, in the order of the lines.
        var fields: [String: [String]] = [:]
        var status = 200
        var method = "GET"
    }

    struct Route {
        var isForced = false
        var timeout: Int64?
        /// By `404`, `5xx`, `any`.
        var statuses: [String: Int64] = [:]
        var heuristic: Int64?
        var heuristicCap: Int64 = 86_400
        var honoursClients = true
        var allowsAuthorization = false
        var allowsCookies = false
        var staleWhileRevalidate: Int64 = 0
        var staleIfError: Int64 = 0
        var keep: Int64 = 600
    }

    struct Stored: Equatable {
        var arrival: Int64
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
            // Without a value it accepts any staleness, like the greatest number.
            if name == "max-stale", sides.count == 1 { value = "2147483648" }
            if name == "min-fresh", delta(value) == nil { continue }
            if let earlier = found[name], let old = delta(earlier), let new = delta(value) {
                // Of min-fresh the greater value is the stricter one.
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

    /// §3: "A cache MUST NOT store a response to a request unless …", and then §4.2.1 to §4.2.3.
    static func store(_ request: Message, _ response: Message, _ route: Route, sent: Int64, arrived: Int64) -> Stored? {
        let (words, isTargeted) = governing(response)
        let asked = directives(request.fields["cache-control"])
        let fields = response.fields
        let byDefault = [200, 203, 204, 301, 308, 404, 410, 451, 501].contains(response.status)
        let named =
            route.statuses["\(response.status)"] ?? route.statuses["\(response.status / 100)xx"]
            ?? route.statuses["any"]
        let given = named ?? route.timeout
        let isForced = route.isForced && given != nil && (named != nil || byDefault)
        let said = isForced ? [:] : words

        guard request.method == "GET", response.status >= 200, ![206, 304, 412, 416].contains(response.status),
            !asked.keys.contains("no-store")
        else { return nil }
        if said.keys.contains("must-understand") {
            if response.status == 299 { return nil }
        } else if said.keys.contains("no-store") {
            return nil
        }
        if said.keys.contains("private") { return nil }
        let isOpen = ["public", "must-revalidate", "s-maxage"].contains { said.keys.contains($0) }
        if request.fields["authorization"] != nil, !isOpen, !route.allowsAuthorization { return nil }
        if fields["set-cookie"] != nil, !route.allowsCookies { return nil }
        let varied = (fields["vary"] ?? []).joined(separator: ",").split(separator: ",").map { trim(String($0)) }
        if varied.contains("*") { return nil }

        // response_time - date_value counts where the delay, and the part of a second that Date leaves out, don't explain it.
        let date = fields["date"].flatMap { Int64($0[0]) }.map { $0 * 1000 } ?? arrived
        var received: Int64 = 0
        if let line = fields["age"]?.first {
            let first = trim(String(line.split(separator: ",", omittingEmptySubsequences: false).first ?? ""))
            received = delta(first) ?? 0
        }
        let delay = arrived - sent
        let apparent = arrived - date >= delay + 1000 ? (arrived - date) / 1000 : 0
        let age = min(max(apparent, received + delay / 1000), 2_147_483_648)

        let hasValidator = fields["etag"] != nil || fields["last-modified"] != nil
        var lifetime: Int64?
        var isGiven = isForced
        if isForced {
            lifetime = age + given!
        } else if let value = said["s-maxage"] ?? said["max-age"] {
            lifetime = delta(value) ?? 0
        } else if !isTargeted, let expires = fields["expires"] {
            lifetime = expires.map { Int64($0).map { floored($0 * 1000 - date) } ?? -1 }.min()
        } else if byDefault || said.keys.contains("public") {
            lifetime = given
            isGiven = given != nil
            if lifetime == nil, let share = route.heuristic,
                let modified = fields["last-modified"].flatMap({ Int64($0[0]) })
            {
                lifetime = min(max(0, floored(date - modified * 1000)) * share / 100, route.heuristicCap)
                isGiven = true
            }
            if lifetime == nil, said.keys.contains("no-cache"), hasValidator { lifetime = 0 }
        }
        guard var lifetime else { return nil }
        // Whose a response is, the route can't know.
        let neverStale = ["must-revalidate", "proxy-revalidate", "s-maxage", "no-cache"].contains {
            said.keys.contains($0)
        }
        let ownStale = ["stale-while-revalidate", "stale-if-error"].contains { delta(said[$0] ?? "0") ?? 0 > 0 }
        let isDeclared = !isGiven && (lifetime > 0 || neverStale || ownStale)
        let isShared = isDeclared || !isForced && said.keys.contains("public")
        let isSomebodys =
            request.fields["cookie"] != nil || request.fields["authorization"] != nil && !route.allowsAuthorization
        if isSomebodys, !isShared { return nil }
        lifetime = max(lifetime, 0)

        let mayBeStale = !["must-revalidate", "proxy-revalidate", "s-maxage", "no-cache"].contains {
            said.keys.contains($0)
        }
        let swr = said["stale-while-revalidate"].map { delta($0) ?? 0 } ?? route.staleWhileRevalidate
        let sie = said["stale-if-error"].map { delta($0) ?? 0 } ?? route.staleIfError
        let remaining = lifetime - age
        let fresh = said.keys.contains("no-cache") ? 0 : max(0, remaining)
        let stale = mayBeStale ? max(0, max(swr, sie) + min(0, remaining)) : 0
        let life = fresh + max(stale, hasValidator || mayBeStale && lifetime > 0 ? route.keep : 0)
        guard life > 0 else { return nil }
        return Stored(
            arrival: arrived, age: age, lifetime: lifetime, directives: said, sharedByOrigin: isShared, life: life,
            staleWhileRevalidate: swr, staleIfError: sie)
    }

    /// §4: "fresh", "stale", "validate" with what may follow a failure, "bypass" or "504".
    static func reuse(_ stored: Stored, _ request: Message, _ route: Route, at now: Int64) -> String {
        let asked = directives(request.fields["cache-control"]).filter {
            route.honoursClients || $0.key == "only-if-cached"
        }
        let hasPragma = (request.fields["pragma"] ?? []).contains { $0.lowercased().contains("no-cache") }
        // current_age and freshness_lifetime - current_age, in milliseconds.
        let age = stored.age * 1000 + max(0, now - stored.arrival)
        let left = stored.lifetime * 1000 - age
        let isFresh = left > 0
        let said = stored.directives.keys
        let neverStale = ["must-revalidate", "proxy-revalidate", "s-maxage", "no-cache"].contains { said.contains($0) }
        func forward(_ verdict: String) -> String { asked.keys.contains("only-if-cached") ? "504" : verdict }

        let isSomebodys =
            request.fields["cookie"] != nil || request.fields["authorization"] != nil && !route.allowsAuthorization
        if isSomebodys, !stored.sharedByOrigin { return forward("bypass") }
        if said.contains("no-cache") { return forward("validate") }
        if asked.keys.contains("no-cache") { return forward("validate") }
        if route.honoursClients, request.fields["cache-control"] == nil, hasPragma { return forward("validate") }

        var fallback = ""
        if isFresh || !neverStale { fallback += " disconnect" }
        let allowance = max(stored.staleIfError, asked["stale-if-error"].flatMap { delta($0) } ?? 0)
        if isFresh || (!neverStale && allowance > 0 && -left <= allowance * 1000) { fallback += " error" }

        let isImmutable = said.contains("immutable") && isFresh
        if let value = asked["max-age"], !isImmutable {
            let limit = delta(value) ?? 0
            if age > limit * 1000 || limit == 0 { return forward("validate" + fallback) }
        }
        if let value = asked["min-fresh"], let wanted = delta(value), left < wanted * 1000 {
            return forward("validate" + fallback)
        }
        if isFresh { return "fresh" }
        if neverStale { return forward("validate") }
        if let value = asked["max-stale"], -left <= (delta(value) ?? 0) * 1000 { return "stale" }
        let isPicky = ["max-age", "max-stale", "min-fresh"].contains { asked.keys.contains($0) }
        if !isPicky, stored.staleWhileRevalidate > 0, -left <= stored.staleWhileRevalidate * 1000 { return "stale" }
        return forward("validate" + fallback)
    }

    private static func floored(_ milliseconds: Int64) -> Int64 {
        milliseconds >= 0 ? milliseconds / 1000 : -((999 - milliseconds) / 1000)
    }

    private static func trim(_ text: String) -> String {
        var trimmed = text[...]
        while let first = trimmed.utf8.first, first == 0x20 || first == 0x09 { trimmed.removeFirst() }
        while let last = trimmed.utf8.last, last == 0x20 || last == 0x09 { trimmed.removeLast() }
        return String(trimmed)
    }

    private static func unquote(_ text: String) -> String {
        text.count >= 2 && text.hasPrefix("\"") && text.hasSuffix("\"") ? String(text.dropFirst().dropLast()) : text
    }
}
