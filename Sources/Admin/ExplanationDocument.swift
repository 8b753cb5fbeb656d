// `GET /explain`: an explanation as JSON. Every member is always there; what is unknown or doesn't apply is null.

import Proxy

extension Explanation {
    /// Writes the members of the document.
    func write(to json: inout JSONWriter) {
        json.member("method", method)
        json.member("url", url)
        json.member("verdict", verdict.rawValue)
        json.member("reason", slug)
        json.member("sentence", sentence)
        json.member("next", next)
        json.member("status", orNull: status)
        json.member("x_cache", orNull: xCache)
        json.member("cache_status", orNull: cacheStatus)
        json.object("route", orNull: route) { route, json in
            json.member("index", route.index)
            json.member("path", route.path)
            json.member("host", route.host)
            json.member("upstream", orNull: route.upstream)
            json.member("upstream_path", orNull: route.upstreamPath)
            json.array("request") { for change in route.requestChanges { $0.value(change) } }
            json.array("response") { for change in route.responseChanges { $0.value(change) } }
        }
        json.object("key", orNull: key) { key, json in
            json.member("text", key.text)
            json.member("redis", key.redis)
        }
        json.object("variant", orNull: variant) { variant, json in
            json.member("redis", variant.redis)
            json.array("fields") {
                for selector in variant.selectors {
                    $0.object {
                        $0.member("name", selector.name)
                        $0.member("value", orNull: selector.value)
                    }
                }
            }
        }
        json.object("stored", orNull: stored) { stored, json in stored.write(to: &json) }
        json.object("credential", orNull: credential) { credential, json in
            json.member("field", credential.field)
            json.member("sentence", credential.sentence)
        }
        json.object("compress", orNull: compression) { compression, json in
            json.member("coding", orNull: compression.coding)
            json.member("sentence", compression.sentence)
        }
        json.member("refresh", orNull: refresh)
        json.member("flight", orNull: fill.map { "\($0.label)" })
        json.member("dropped_lately", isInvalidated)
        json.array("invalidates") { for target in invalidates { $0.value(target) } }
        json.member("server", orNull: server)
        json.member("store_trouble", orNull: storeTrouble)
        json.object("last_response", orNull: lastResponse) { last, json in
            json.member("age", last.age)
            json.member("status", orNull: last.status)
            json.member("stored", last.isStored)
            json.member("reason", orNull: last.slug)
            json.member("sentence", last.sentence)
            json.member("advice", orNull: last.advice)
        }
        json.member("upstream_problem", orNull: upstreamProblem)
    }
}

extension StoredSummary {
    fileprivate func write(to json: inout JSONWriter) {
        json.member("status", status)
        json.member("partial", isPartial)
        json.member("size", size)
        json.member("age", age)
        json.member("lifetime", lifetime)
        json.member("ttl", timeToLive)
        json.member("lifetime_from", isLifetimeFromRoute ? "route" : "origin")
        json.member("date", date)
        json.member("stored_at", storedAt)
        json.member("kept_until", keptUntil)
        json.member("etag", orNull: etag)
        json.member("last_modified", orNull: lastModified)
        json.member("content_type", orNull: contentType)
        json.member("cache_control", orNull: cacheControl)
        json.member("no_cache", noCache)
        json.member("must_revalidate", mustRevalidate)
        json.object("stale_while_revalidate") { staleWhileRevalidate.write(to: &$0) }
        json.object("stale_if_error") { staleIfError.write(to: &$0) }
        json.array("tags") { for tag in tags { $0.value(tag) } }
        json.array("groups") { for group in groups { $0.value(group) } }
    }
}

extension StoredSummary.Allowance {
    fileprivate func write(to json: inout JSONWriter) {
        json.member("seconds", seconds)
        json.member("left", left)
    }
}

extension JSONWriter {
    mutating func member(_ name: StaticString, orNull value: String?) {
        if let value { member(name, value) } else { null(name) }
    }

    mutating func member(_ name: StaticString, orNull value: Int?) {
        if let value { member(name, value) } else { null(name) }
    }

    /// - Parameter content: writes the members of `value` if there is one.
    mutating func object<Value>(
        _ name: StaticString, orNull value: Value?, _ content: (Value, inout JSONWriter) -> Void
    ) {
        if let value { object(name) { content(value, &$0) } } else { null(name) }
    }
}
