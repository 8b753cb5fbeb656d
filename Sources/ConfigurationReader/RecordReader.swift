// `cache.record` of a route, and what bare JSON can't be combined with: whatever needs more of a stored response than its content.

import Configuration

enum RecordReader {
    static func read(_ keys: KeyedValues, into cache: inout CacheSettings) {
        keys.read("record", into: &cache.record)
    }

    static func check(_ keys: KeyedValues, _ cache: CacheSettings, _ draft: RouteDraft) {
        guard cache.record == .json else { return }
        let reading = keys.reading
        if !reading.usesRedis {
            keys.warn(
                at: "record", "`record: json` has no effect without Redis: responses are stored whole, in memory",
                hint: "set `store.backend` to redis or tiered, or remove the key")
        }
        if cache.timeout == nil {
            keys.fault(
                at: "record", "`record: json` requires `timeout`, the longest life of an entry", hint: "add timeout: 5m"
            )
        }
        if draft.route.compression != nil {
            keys.fault(
                at: "record", "`compress` and `record: json` are mutually exclusive: entries are JSON as it is",
                hint: "write compress: off on this route, or remove `record`")
        }
        if !cache.tags.isEmpty {
            keys.fault(
                at: "tags", "`tags` can't be stored with `record: json`, so no purge would find them",
                hint: "remove one of the two")
        }
        if cache.allowSetCookie {
            keys.warn(
                at: "allow_set_cookie", "a response with Set-Cookie is never stored with `record: json`",
                hint: "remove `allow_set_cookie`")
        }
        for key in ["stale_while_revalidate", "stale_if_error", "keep"] where keys.node(key) != nil {
            keys.warn(
                at: key, "\(quoted(key)) has no effect with `record: json`: entries expire with their lifetime",
                hint: "remove it")
        }
    }
}
