// `on_store_down` of a route: what it does while Redis is down, and whether that can make a difference.

import Configuration

enum OutageReader {
    static func read(_ keys: KeyedValues, into draft: inout RouteDraft) {
        guard keys.node("on_store_down") != nil else { return }
        keys.read("on_store_down", into: &draft.route.onStoreDown) { text throws(ValueFault) in
            try StoreOutage(parsing: text)
        }
        let reading = keys.reading
        if draft.route.onStoreDown == .pass { return }
        if !reading.usesRedis {
            keys.warn(
                at: "on_store_down", "`on_store_down` has no effect without Redis",
                hint: "set `store.backend` to redis or tiered, or remove the key")
        } else if draft.route.onStoreDown == .stale, !reading.usesMemory {
            keys.warn(
                at: "on_store_down", "stale has no effect with `backend: redis`, which keeps nothing in memory",
                hint: "set `store.backend` to tiered")
        }
    }
}
