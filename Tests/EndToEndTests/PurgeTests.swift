import Foundation
import TestSupport
import Testing

// `larder purge`: what each kind reaches, hard and soft, whatever the backend is.

@Suite("Purges by URL, tag, prefix, host and of everything")
struct PurgeTests {
    private func play(_ backend: Backend, _ body: (LarderProcess, ScriptedOrigin) throws -> Void) throws {
        try Stage.run { stage in
            let origin = try stage.origin { exchange in
                let request = exchange.request
                var fields = [
                    "Cache-Control: max-age=600, stale-while-revalidate=600", "Cache-Tag: all, own\(request.path)",
                ]
                if request.path.hasPrefix("/validated") {
                    fields = ["Cache-Control: max-age=600", "ETag: \"same\""]
                    if request["If-None-Match"] != nil { return try exchange.respond(304, fields) }
                }
                try exchange.respond(200, fields, body: "it")
            }
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams: "origin: \(origin.url)",
                    routes: """
                        - path: /mine/{id}
                          upstream: origin
                          cache: {timeout: 600s, key: "mine:{id}|{header.x-user|-}"}
                        - path: /alias/{id}
                          upstream: origin
                          cache: {timeout: 600s, key: "mine:{id}|{header.x-user|-}"}
                        - path: /search
                          upstream: origin
                          cache: {timeout: 600s, methods: [GET, HEAD, POST, QUERY], post: reads}
                        - path: /posts
                          upstream: origin
                          cache: {methods: [GET, HEAD, POST]}
                        - path: /{rest...}
                          upstream: origin
                          cache: {timeout: 600s}
                        """,
                    store: backend.section(try stage.redis())))
            try body(larder, origin)
        }
    }

    private func purge(
        _ larder: LarderProcess, _ arguments: String..., says sentence: String,
        _ location: SourceLocation = #_sourceLocation
    ) throws {
        let finished = try larder.command(["purge"] + arguments)
        #expect(
            finished.status == 0 && finished.output.contains(sentence), "\(finished.output)\(finished.errors)",
            sourceLocation: location)
    }

    private func expect(
        _ larder: LarderProcess, _ paths: [String], _ xCache: String, host: String = "api.example",
        _ location: SourceLocation = #_sourceLocation
    ) throws {
        for path in paths {
            let response = try larder.get(path, ["Host: \(host)"])
            #expect(response.xCache == xCache, "\(path): \(response.summary)", sourceLocation: location)
        }
    }

    @Test("A prefix reaches what begins with it, on its host or on all", arguments: Backend.allCases)
    func prefixes(_ backend: Backend) throws {
        try play(backend) { larder, _ in
            let inside = ["/a/1", "/a/2?x=1", "/a/"]
            let outside = ["/a", "/ab/1", "/b/a/1"]
            for path in inside + outside {
                try larder.awaitHit(path)
                try larder.fill(path, ["Host: other.example"])
            }
            try purge(larder, "--prefix", "http://API.example:80/a/", says: "under 1 prefix, applied by 1 instance")
            try expect(larder, outside, "HIT")
            try expect(larder, inside + outside, "HIT", host: "other.example")
            try expect(larder, inside, "MISS")
            try expect(larder, inside, "HIT")
            try purge(larder, "--prefix", "/a/", says: "under 1 prefix")
            for host in ["api.example", "other.example"] {
                try expect(larder, outside, "HIT", host: host)
                try expect(larder, inside, "MISS", host: host)
                try expect(larder, inside, "HIT", host: host)
            }
        }
    }

    @Test(
        "A host reaches all its URLs and no others; everything is everything, and later responses are stored again",
        arguments: Backend.allCases)
    func hostsAndEverything(_ backend: Backend) throws {
        try play(backend) { larder, _ in
            for host in ["api.example", "other.example"] { try larder.fill("/x", ["Host: \(host)"]) }
            try purge(larder, "--host", "OTHER.example", says: "purged everything stored of 1 host")
            try expect(larder, ["/x"], "HIT")
            try expect(larder, ["/x"], "MISS", host: "other.example")
            try expect(larder, ["/x"], "HIT", host: "other.example")
            try purge(larder, "--all", says: "purged everything stored, applied by 1 instance")
            for host in ["api.example", "other.example"] {
                try expect(larder, ["/x"], "MISS", host: host)
                try expect(larder, ["/x"], "HIT", host: host)
            }
            #expect(try larder.admin("GET", "/metrics").text.contains("larder_purges_total{kind=\"hard\"} 2"))
        }
    }

    @Test(
        "A URL reaches the entries of every caller, of POSTs and of QUERY, and what another URL of the same key brought",
        arguments: Backend.allCases)
    func urls(_ backend: Backend) throws {
        try play(backend) { larder, _ in
            for user in ["ann", "bob"] { try larder.fill("/mine/1", ["X-User: \(user)"]) }
            try purge(larder, "http://api.example/mine/1", says: "of 1 URL")
            for user in ["ann", "bob"] { #expect(try larder.get("/mine/1", ["X-User: \(user)"]).xCache == "MISS") }
            // Fetched for the alias, and looked up for either.
            try larder.fill("/alias/2", ["X-User: ann"])
            #expect(try larder.get("/mine/2", ["X-User: ann"]).xCache == "HIT")
            try purge(larder, "http://api.example/alias/2", says: "of 1 URL")
            #expect(try larder.get("/mine/2", ["X-User: ann"]).xCache == "MISS")
            for (method, path) in [("POST", "/search"), ("QUERY", "/search"), ("POST", "/posts")] {
                func ask() throws -> String? {
                    try larder.request(method, path, ["Content-Type: text/plain"], body: Array("q".utf8)).xCache
                }
                #expect(try ask() == "MISS" && eventually { try ask() == "HIT" }, "\(method) \(path)")
                try purge(larder, "http://api.example\(path)", says: "of 1 URL")
                #expect(try ask() == "MISS", "\(method) \(path)")
            }
        }
    }

    @Test(
        "A soft purge makes stale: served while it is refreshed where that is allowed, else validated",
        arguments: Backend.allCases)
    func soft(_ backend: Backend) throws {
        try play(backend) { larder, origin in
            try larder.awaitHit("/s/1")
            try larder.awaitHit("/validated/1")
            try larder.awaitHit("/s/other")
            try purge(larder, "--tag", "own/s/1", "--soft", says: "marked as stale everything stored with 1 tag")
            try purge(
                larder, "http://api.example/validated/1", "--soft", says: "marked as stale what is stored of 1 URL")
            try expect(larder, ["/s/1"], "STALE")
            try expect(larder, ["/validated/1"], "REVALIDATED")
            try expect(larder, ["/validated/1", "/s/other"], "HIT")
            try larder.awaitHit("/s/1")
            #expect(origin.count(for: "/s/1") == 2)
            try purge(larder, "--all", "--soft", says: "marked as stale everything stored")
            try expect(larder, ["/s/other"], "STALE")
            try purge(larder, "--all", says: "purged everything")
            try expect(larder, ["/s/1"], "MISS")
        }
    }

    @Test(
        "What was asked for before a purge isn't stored, and those who ask after it don't wait for it",
        arguments: Backend.allCases)
    func underWay(_ backend: Backend) throws {
        try Stage.run { stage in
            let isOpen = Locked(false)
            let asked = Locked(0)
            let origin = try stage.origin { exchange in
                let number = asked.withLock { count -> Int in
                    count += 1
                    return count
                }
                if number == 1 { #expect(eventually(within: 20) { isOpen.withLock { $0 } }) }
                try exchange.respond(200, ["Cache-Control: max-age=600", "Cache-Tag: t"], body: "\(number)")
            }
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams: "origin: \(origin.url)",
                    routes: "- path: /{rest...}\n  upstream: origin\n  cache: {timeout: 600s}",
                    store: backend.section(try stage.redis())))
            let client = try RawClient(larder.endpoint)
            try client.send("GET /u HTTP/1.1\r\nHost: api.example\r\n\r\n")
            #expect(eventually(within: 20) { asked.withLock { $0 } == 1 })
            try purge(larder, "--tag", "t", says: "with 1 tag")
            isOpen.withLock { $0 = true }
            #expect(try client.readResponse().text == "1")
            #expect(try larder.get("/u").text == "2")
            // Whoever asks before that is stored has the origin asked once more.
            #expect(try larder.awaitHit("/u").text != "1")
        }
    }

    @Test("What can't be purged is refused as a whole; a * is warned of", arguments: Backend.allCases)
    func refusals(_ backend: Backend) throws {
        try play(backend) { larder, _ in
            try larder.awaitHit("/x")
            for arguments in [["--prefix", "api.example/x"], ["--host", "http://api.example/"]] {
                let finished = try larder.command(["purge", "http://api.example/x"] + arguments)
                #expect(finished.status == 1 && finished.errors.contains(arguments[1]), "\(finished.errors)")
            }
            try expect(larder, ["/x"], "HIT")
            let starred = try larder.command(["purge", "--prefix", "/x*"])
            #expect(starred.status == 0 && starred.errors.contains("taken literally"))
            try expect(larder, ["/x"], "HIT")
            #expect(try larder.command(["purge"]).status == 2)
        }
    }
}
