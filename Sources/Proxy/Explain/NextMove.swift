// What a request would do next, in words for somebody who looks for a fault.

import Bytes
import CacheStorage
import HTTPCaching
import HTTPWire

struct NextMove {
    let text: String

    init(_ transaction: Transaction, _ end: Explanation.End, _ fill: FillStanding?) {
        switch end {
        case .refused(let outcome, let status, _):
            text = outcome == .own ? "respond with \(status)" : "respond with \(status) and a problem document"
        case .answered: text = Self.serve(transaction)
        case .forwarded(let mayShare):
            var parts = [Self.fetch(transaction)]
            if mayShare, let wait = Self.wait(transaction, fill) { parts.insert(wait, at: 0) }
            if let bound = Self.bound(transaction) { parts.append(bound) }
            if let rescue = Self.rescue(transaction.selection.fallback) { parts.append(rescue) }
            text = parts.joined(separator: "; ")
        }
    }

    private static func serve(_ transaction: Transaction) -> String {
        if transaction.request.facts.hasConditions {
            return "serve from the cache: 304 if the request's condition finds it unchanged, otherwise all of it"
        }
        if transaction.request.facts.hasRange { return "serve the requested range from the cache" }
        return "serve from the cache"
    }

    private static func fetch(_ transaction: Transaction) -> String {
        guard let group = transaction.request.entry?.upstream else { return "ask the origin" }
        let upstream = "upstream \(group.settings.name)"
        if transaction.request.wantsTunnel { return "ask \(upstream) to switch protocols, and pass everything through" }
        if transaction.served.verdict == .bypass { return "pass the request to \(upstream); nothing is stored" }
        if transaction.selection.partial?.missing != nil {
            return "ask \(upstream) for the part that is missing, and join it to what is stored"
        }
        if transaction.selection.isValidating, let stored = transaction.selection.stored {
            var conditions: [String] = []
            if !stored.etag.isEmpty { conditions.append("If-None-Match: \(stored.etag.text())") }
            if !stored.lastModified.isEmpty { conditions.append("If-Modified-Since: \(stored.lastModified.text())") }
            return "ask \(upstream) with \(conditions.joined(separator: " and ")); 304 freshens what is stored"
        }
        if transaction.request.facts.flags.contains(.noStore) {
            return "fetch from \(upstream), and store nothing, as the request said no-store"
        }
        return "fetch from \(upstream), and store the response if it may be stored"
    }

    private static func wait(_ transaction: Transaction, _ fill: FillStanding?) -> String? {
        guard let entry = transaction.request.entry, entry.collapseMilliseconds > 0 else { return nil }
        switch fill {
        case .underWay, .completed:
            return "wait up to \(entry.collapseMilliseconds) ms for the request under way, otherwise"
        case .hitForMiss, .refreshFailed, nil: return nil
        }
    }

    private static func bound(_ transaction: Transaction) -> String? {
        guard let gate = transaction.request.entry?.outageGate,
            transaction.worker.cache.isRemoteDown(at: transaction.selection.keys.key)
        else {
            return nil
        }
        return "the route has at most \(gate.limit) such requests at once while the store is down"
    }

    private static func rescue(_ fallback: StaleFallback) -> String? {
        if fallback.contains(.onError) { return "the stored response is served if that fails or returns an error" }
        if fallback.contains(.onDisconnect) { return "the stored response is served if the origin can't be reached" }
        return nil
    }
}
