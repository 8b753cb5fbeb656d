// An explanation as text: the verdict and its reason first, then what led to it. Empty lines are left out.

import Admin

struct ExplanationPage {
    private let document: JSONValue

    init(_ document: JSONValue) { self.document = document }

    var text: String {
        let rows = verdict + route + key + stored + last + notes
        return StatsPage.columns(rows.filter { !$0[1].isEmpty })
    }

    private func text(_ path: String...) -> String { find(path)?.text ?? "" }
    private func count(_ path: String...) -> Int { find(path)?.count ?? 0 }

    private func find(_ path: [String]) -> JSONValue? { path.reduce(Optional(document)) { $0?[$1] } }

    /// Replaces control characters, so that a key or an address can't control the terminal.
    private static func plain(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? "?" : $0 }))
    }

    private var verdict: [[String]] {
        let status = find(["status"])?.count.map { " \($0)" } ?? ""
        return [
            ["verdict", "\(text("verdict"))\(status), \(text("reason"))"],
            ["why", text("sentence")],
            ["next", Self.plain(text("next"))],
            ["says", text("cache_status").isEmpty ? "" : "Cache-Status: \(text("cache_status"))"],
        ]
    }

    private var route: [[String]] {
        guard !text("route", "path").isEmpty else { return [] }
        let place = "\(text("route", "host"))\(text("route", "path"))"
        let problem = Self.plain(text("upstream_problem"))
        let targets = Self.plain((find(["invalidates"])?.elements ?? []).compactMap(\.text).joined(separator: ", "))
        let upstream = text("route", "upstream")
        let aim = upstream.isEmpty ? "" : " to upstream \(upstream)"
        let path = text("route", "upstream_path")
        return [
            ["upstream", problem], ["route", "\(place)\(aim) (routes[\(count("route", "index"))])"],
            ["asks for", path == clientPath ? "" : Self.plain(path)],
            ["request", changes("request")], ["response", changes("response")],
            ["server", text("server").isEmpty ? "" : "\(text("server")) by its key"], ["invalidates", targets],
        ]
    }

    /// The path of the URL that is explained.
    private var clientPath: String {
        let parts = text("url").prefix { $0 != "?" }.split(
            separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        return parts.count == 4 ? "/\(parts[3])" : "/"
    }

    private func changes(_ side: String) -> String {
        Self.plain((find(["route", side])?.elements ?? []).compactMap(\.text).joined(separator: "; "))
    }

    private var key: [[String]] {
        var rows = [["key", Self.plain(text("key", "text"))], ["redis", text("key", "redis")]]
        let fields = find(["variant", "fields"])?.elements ?? []
        if !fields.isEmpty {
            let values = fields.map { field in
                field["name"].flatMap(\.text).map { name in
                    name + (field["value"]?.text.map { ": \($0)" } ?? " (not in the request)")
                } ?? ""
            }
            rows.append(["varies by", Self.plain(values.joined(separator: "; "))])
            rows.append(["", text("variant", "redis")])
        }
        return rows
    }

    private var stored: [[String]] {
        guard find(["stored", "status"])?.count != nil else {
            return text("key", "text").isEmpty ? [] : [["stored", "nothing"]]
        }
        let size = StatsPage.size(count("stored", "size"))
        let head = [
            "\(count("stored", "status"))", text("stored", "content_type"),
            find(["stored", "partial"]) == .bool(true) ? "\(size) of its content" : size,
            "since \(text("stored", "stored_at"))",
        ]
        let validators = [("ETag ", text("stored", "etag")), ("Last-Modified ", text("stored", "last_modified"))]
        return [
            ["stored", Self.plain(head.filter { !$0.isEmpty }.joined(separator: ", "))],
            ["age", age],
            ["stale use", staleUse],
            ["validators", Self.plain(validators.filter { !$0.1.isEmpty }.map { $0 + $1 }.joined(separator: ", "))],
            [
                "origin said",
                text("stored", "cache_control").isEmpty ? "" : Self.plain(text("stored", "cache_control")),
            ],
            ["tags", list("tags")],
            ["groups", list("groups")],
        ]
    }

    private var last: [[String]] {
        guard !text("last_response", "sentence").isEmpty else { return [] }
        let status = find(["last_response", "status"])?.count.map { "\($0), " } ?? ""
        var told = "\(StatsPage.duration(count("last_response", "age"))) ago: \(status)"
        if find(["last_response", "stored"]) == .bool(true) {
            told += "stored"
        } else if status.isEmpty {
            told += text("last_response", "sentence")
        } else {
            told += "not stored (\(text("last_response", "reason"))): \(text("last_response", "sentence"))"
        }
        return [["last", told], ["", text("last_response", "advice")]]
    }

    private var age: String {
        let ttl = count("stored", "ttl")
        let source = text("stored", "lifetime_from") == "route" ? "the route's" : "the origin's"
        let rest =
            ttl > 0
            ? "fresh for \(StatsPage.duration(ttl)) more"
            : ttl == 0 ? "just stale" : "stale for \(StatsPage.duration(-ttl))"
        let life = StatsPage.duration(max(0, count("stored", "lifetime")))
        return "\(StatsPage.duration(count("stored", "age"))) of \(life) (\(source)), \(rest)"
    }

    private var staleUse: String {
        if find(["stored", "must_revalidate"]) == .bool(true) {
            return "never: it must be revalidated once it is stale"
        }
        var parts: [String] = []
        for (name, words) in [
            ("stale_while_revalidate", "while it is refreshed"), ("stale_if_error", "if the upstream fails"),
        ]
        where count("stored", name, "seconds") > 0 {
            let left = StatsPage.duration(count("stored", name, "left"))
            parts.append("\(StatsPage.duration(count("stored", name, "seconds"))) \(words) (\(left) left)")
        }
        return parts.joined(separator: ", ")
    }

    private func list(_ name: String) -> String {
        Self.plain((find(["stored", name])?.elements ?? []).compactMap(\.text).joined(separator: ", "))
    }

    private var notes: [[String]] {
        var notes: [String] = []
        let credential = text("credential", "sentence")
        if !credential.isEmpty, credential != text("sentence"), ["MISS", "VALIDATE"].contains(text("verdict")) {
            notes.append(Self.plain(credential))
        }
        let compression = text("compress", "sentence")
        if !compression.isEmpty { notes.append(compression) }
        switch text("refresh") {
        case "": break
        case "early-refresh":
            notes.append("some requests would already refresh it in the background (early-refresh)")
        default: notes.append("it would be refreshed in the background meanwhile")
        }
        switch text("flight") {
        case "under-way": notes.append("an upstream request for this key is in progress")
        case "landed": notes.append("an upstream request for this key completed a moment ago")
        case "unshared":
            notes.append("responses for this key can't be shared: each request sends its own upstream request for now")
        case "resting": notes.append("a background refresh failed a moment ago")
        default: break
        }
        if find(["dropped_lately"]) == .bool(true) { notes.append("this key was purged or invalidated recently") }
        let trouble = text("store_trouble")
        if !trouble.isEmpty { notes.append("store problem: \(trouble)") }
        return notes.enumerated().map { [$0.offset == 0 ? "note" : "", $0.element] }
    }
}
