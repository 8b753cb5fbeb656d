import Testing

@testable import Configuration

// `cache.record`, and what bare JSON can't be combined with.

private func file(_ cache: String, route: String = "", store: String = "backend: redis, redis: \"redis://h\"") -> String
{
    """
    store: {\(store)}
    upstreams: {a: "http://h"}
    routes:
    - path: /p/{id}
      host: x.example
      upstream: a
      \(route)
      cache: {\(cache)}
    """
}

@Suite("Entries that an application shares: cache.record")
struct RecordFaultTests {
    @Test("json, and what it is in the effective file")
    func value() throws {
        let reading = read(file("timeout: 5m, key: \"task:{id}\", record: json"))
        #expect(reading.faults == [])
        let configuration = try #require(reading.configuration)
        #expect(configuration.routes[0].cache?.record == .json)
        let effective = configuration.effectiveYAML()
        #expect(effective.contains("record: json"))
        let again = read(effective)
        #expect(again.configuration == configuration, "\(again.faults)")
    }

    @Test(
        "faults and warnings",
        arguments: [
            (
                "record: json", "",
                "8:19: error: `record: json` requires `timeout`, the longest life of an entry; add timeout: 5m"
            ),
            (
                "timeout: 5m, record: json", "compress: on",
                "8:32: error: `compress` and `record: json` are mutually exclusive: entries are JSON as it is; write compress: off on this route, or remove `record`"
            ),
            (
                "timeout: 5m, tags: [a], record: json", "",
                "8:30: error: `tags` can't be stored with `record: json`, so no purge would find them; remove one of the two"
            ),
            (
                "timeout: 5m, stale_if_error: 1m, record: json", "",
                "8:40: warning: `stale_if_error` has no effect with `record: json`: entries expire with their lifetime; remove it"
            ),
            (
                "timeout: 5m, allow_set_cookie: on, record: json", "",
                "8:42: warning: a response with Set-Cookie is never stored with `record: json`; remove `allow_set_cookie`"
            ),
        ])
    func combinations(_ cache: String, _ route: String, _ expected: String) {
        let found = findings(file(cache, route: route))
        #expect(found.contains(expected), "\(found)")
    }

    @Test("Without Redis it has no effect, and that is said")
    func memory() {
        #expect(
            findings(file("timeout: 5m, record: json", store: "backend: memory")) == [
                "8:32: warning: `record: json` has no effect without Redis: responses are stored whole, in memory; set `store.backend` to redis or tiered, or remove the key"
            ])
    }

    @Test("Two routes that share a key store entries in one form")
    func sharedKeys() {
        func routes(_ first: String, _ second: String) -> [String] {
            findings(
                """
                store: {backend: redis, redis: "redis://h"}
                upstreams: {a: "http://h"}
                routes:
                - {path: "/p/{id}", host: x.example, upstream: a, cache: {timeout: 5m, key: "t:{id}", record: \(first)}}
                - {path: "/q/{id}", host: x.example, upstream: a, cache: {timeout: 5m, key: "t:{id}", record: \(second)}}
                """)
        }
        #expect(routes("json", "json") == [] && routes("whole", "whole") == [])
        #expect(
            routes("json", "whole") == [
                "5:77: error: the key can be the same as that on line 4, whose `record` is json; give both the same `record`, or begin each key with a text of its own"
            ])
    }
}
