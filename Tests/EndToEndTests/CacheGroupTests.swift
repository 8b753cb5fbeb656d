import Foundation
import TestSupport
import Testing

// Groups of stored responses that one answer invalidates (RFC 9875), and whether the tags of responses reach clients.

@Suite("RFC 9875: cache groups, and tags")
struct CacheGroupTests {
    let scene: StandardsScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try StandardsScene.shared.get() }

    /// A path in groups, whose answer is in the store.
    private func member(_ larder: LarderProcess, _ groups: String..., host: String = "api.example") throws -> String {
        let path = scene.numbered("/t", ["Cache-Control: max-age=60"] + groups.map { "Cache-Groups: \($0)" })
        try larder.fill(path, ["Host: \(host)"])
        return path
    }

    /// Sends a request to a path of its own, whose answer invalidates groups.
    private func invalidate(
        _ larder: LarderProcess, _ groups: String, method: String = "POST", status: Int = 200,
        host: String = "api.example"
    ) throws {
        let path = origin.script(status, ["Cache-Group-Invalidation: \(groups)", "Cache-Control: max-age=60"])
        let response = try larder.request(method, path, ["Host: \(host)"], body: method == "POST" ? [120] : nil)
        #expect(response.status == status)
    }

    private func isStored(_ larder: LarderProcess, _ path: String, host: String = "api.example") throws -> Bool {
        try larder.isStored(path, ["Host: \(host)"])
    }

    @Test(
        "§3: Cache-Group-Invalidation on an answer to POST makes members of its groups misses, and nothing else",
        .tags(.choice), arguments: Backend.both)
    func invalidation(_ backend: Backend) throws {
        let larder = scene[backend]
        let name = "\(backend)-post"
        let first = try member(larder, "\"\(name)\"")
        let second = try member(larder, "\"before\", \"\(name)\";note=1, \"after\"")
        let third = try member(larder, "\"before\"", "\"\(name)\"")
        let other = try member(larder, "\"\(name)-other\"")
        let none = try member(larder)
        try invalidate(larder, "\"unknown\", \"\(name)\"")
        for path in [first, second, third] {
            let response = try larder.get(path)
            #expect(response.xCache == "MISS" && response.text == "answer 2", "\(path)")
        }
        for path in [other, none] { #expect(try larder.get(path).xCache == "HIT", "\(path)") }
        // What was fetched since is as good as any.
        for path in [first, second, third] { #expect(try larder.awaitHit(path).text != "answer 1") }
    }

    @Test("§3: every unsafe method's answer invalidates", .tags(.choice), arguments: Backend.both)
    func methods(_ backend: Backend) throws {
        let larder = scene[backend]
        for method in ["PUT", "DELETE", "PATCH"] {
            let path = try member(larder, "\"\(backend)-\(method)\"")
            try invalidate(larder, "\"\(backend)-\(method)\"", method: method)
            #expect(try !isStored(larder, path), "\(method)")
        }
    }

    @Test(
        "§3: on an answer to a safe method, and on an error, it is ignored", .tags(.must), arguments: Backend.both)
    func ignored(_ backend: Backend) throws {
        let larder = scene[backend]
        let group = "\"\(backend)-safe\""
        let path = try member(larder, group)
        for method in ["GET", "HEAD", "OPTIONS"] { try invalidate(larder, group, method: method) }
        for status in [404, 500] { try invalidate(larder, group, status: status) }
        #expect(try larder.get(path).xCache == "HIT")
    }

    @Test(
        "§2.1, RFC 9110 §4.2.3: an origin is the same with its default port and without, in any case", .tags(.must),
        arguments: Backend.both)
    func defaultPort(_ backend: Backend) throws {
        let larder = scene[backend]
        for (host, other) in [
            ("api.example", "api.example:80"), ("api.example:80", "API.example"), ("api.example:", "api.example:080"),
        ] {
            let group = "\"\(backend)-port-\(host)\""
            let path = try member(larder, group, host: host)
            #expect(try isStored(larder, path, host: other), "they are one key")
            try invalidate(larder, group, host: other)
            #expect(try !isStored(larder, path, host: host), "\(host), invalidated for \(other)")
        }
    }

    @Test("§2.1: a group is one origin's own", .tags(.must), arguments: Backend.both)
    func hosts(_ backend: Backend) throws {
        let larder = scene[backend]
        let group = "\"\(backend)-hosts\""
        let own = try member(larder, group)
        let foreign = try member(larder, group, host: "other.example")
        let port = try member(larder, group, host: "api.example:8080")
        try invalidate(larder, group)
        #expect(try !isStored(larder, own))
        #expect(try isStored(larder, foreign, host: "other.example"))
        #expect(try isStored(larder, port, host: "api.example:8080"))
    }

    @Test(
        "§2: names are opaque: compared letter by letter, of any characters a string has", .tags(.must),
        arguments: Backend.both)
    func names(_ backend: Backend) throws {
        let larder = scene[backend]
        let lower = try member(larder, "\"\(backend)-name\"")
        let odd = try member(larder, "\"\(backend), \\\"odd\\\" \\\\ ;x\"")
        for group in ["\(backend)-NAME", "\(backend)-nam", "\(backend)-name ", "\(backend)", "odd"] {
            try invalidate(larder, "\"\(group)\"")
        }
        #expect(try isStored(larder, lower) && isStored(larder, odd))
        try invalidate(larder, "\"\(backend), \\\"odd\\\" \\\\ ;x\"")
        #expect(try isStored(larder, lower) && !isStored(larder, odd))
    }

    @Test("§2.2.1: one group's invalidation does not cascade to another's", .tags(.must), arguments: Backend.both)
    func noCascade(_ backend: Backend) throws {
        let larder = scene[backend]
        let between = try member(larder, "\"\(backend)-a\", \"\(backend)-b\"")
        let beyond = try member(larder, "\"\(backend)-b\"")
        try invalidate(larder, "\"\(backend)-a\"")
        #expect(try !isStored(larder, between))
        #expect(try isStored(larder, beyond))
    }

    @Test("§2, §3: 32 groups of 32 characters count, each of them", .tags(.must), arguments: Backend.both)
    func many(_ backend: Backend) throws {
        let larder = scene[backend]
        let names = (0..<32).map { number in
            let text = "\(backend)-group-\(number)-"
            return "\"\(text)\(String(repeating: "x", count: 32 - text.count))\""
        }
        let all = try member(larder, names.joined(separator: ", "))
        try invalidate(larder, names[31])
        #expect(try !isStored(larder, all))
        let last = try member(larder, names[30])
        try invalidate(larder, names.joined(separator: ", "))
        #expect(try !isStored(larder, last))
    }

    @Test(
        "RFC 9651 §4.2: a field that isn't a list of strings names no group", .tags(.must), arguments: Backend.both)
    func invalid(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = try member(larder, "\"\(backend)-valid\"")
        for value in ["\(backend)-valid", "\"\(backend)-valid\",", "\"\(backend)-valid", "\"\(backend)-valid\" x"] {
            try invalidate(larder, value)
        }
        #expect(try isStored(larder, path))
    }

    @Test(
        "Cache-Purge-Tags in a successful response to an unsafe method purges these tags, and nothing else",
        .tags(.choice),
        arguments: Backend.both)
    func purgedTags(_ backend: Backend) throws {
        let larder = scene[backend]
        func tagged(_ tags: String) throws -> String {
            let path = scene.numbered("/t", ["Cache-Control: max-age=60", "Cache-Tag: \(tags)"])
            try larder.fill(path)
            return path
        }
        func write(_ method: String, _ status: Int, _ lines: [String]) throws {
            let path = origin.script(status, lines.map { "Cache-Purge-Tags: \($0)" })
            #expect(try larder.request(method, path, body: method == "POST" ? [120] : nil).status == status)
        }
        let name = "\(backend)-purged"
        let paths = try [tagged("\(name) one"), tagged("other, \(name)-two"), tagged("\(name)-three")]
        let other = try tagged("\(name)")
        try write("GET", 200, ["\(name) one"])
        try write("POST", 500, ["\(name) one"])
        for path in paths + [other] { #expect(try larder.isStored(path), "\(path)") }
        try write("POST", 200, ["\(name) one, \(name)-two", "\(name)-three"])
        for path in paths { #expect(try !larder.isStored(path), "\(path)") }
        #expect(try larder.isStored(other))
        try write("DELETE", 204, [name])
        #expect(try !larder.isStored(other))
    }

    @Test(
        "Tags reach the client unless the route removes them, fetched or stored", .tags(.choice),
        arguments: Backend.both)
    func tags(_ backend: Backend) throws {
        let larder = scene[backend]
        let fields = [
            "Cache-Control: max-age=60", "Cache-Tag: one, two", "Surrogate-Key: one two", "xkey: one", "X-Own: kept",
        ]
        let kept = origin.script(200, fields, body: "a")
        let removed = origin.script("/quiet/t") { try $0.respond(200, fields, body: "a") }
        for (path, values) in [(kept, ["one, two", "one two", "one"]), (removed, [nil, nil, nil])] {
            let miss = try larder.fill(path)
            let hit = try larder.get(path)
            #expect(miss.xCache == "MISS" && hit.xCache == "HIT")
            for response in [miss, hit] {
                #expect([response["Cache-Tag"], response["Surrogate-Key"], response["xkey"]] == values, "\(path)")
                #expect(response["X-Own"] == "kept" && response.text == "a")
            }
        }
    }
}
