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
            text = outcome == .own ? "answer \(status) itself" : "answer \(status) with a problem document"
        case .answered: text = Self.answer(transaction)
        case .forwarded(let mayShare):
            var parts = [Self.fetch(transaction)]
            if mayShare, let wait = Self.wait(transaction, fill) { parts.insert(wait, at: 0) }
            if let rescue = Self.rescue(transaction.selection.fallback) { parts.append(rescue) }
            text = parts.joined(separator: "; ")
        }
    }

    private static func answer(_ transaction: Transaction) -> String {
        if transaction.request.facts.hasConditions {
            return "answer from the store: 304 if the request's condition finds it unchanged, else the whole"
        }
        if transaction.request.facts.hasRange { return "answer from the store with the range that is asked for" }
        return "answer from the store"
    }

    private static func fetch(_ transaction: Transaction) -> String {
        guard let entry = transaction.request.entry else { return "ask the origin" }
        let upstream = "upstream \(entry.group.settings.name)"
        if transaction.request.wantsTunnel { return "ask \(upstream) to switch protocols, and pass everything through" }
        if transaction.served.verdict == .bypass { return "pass the request to \(upstream); nothing is stored" }
        if transaction.selection.partial?.missing != nil {
            return "ask \(upstream) for the part that is missing, and join it to what is stored"
        }
        if transaction.selection.isValidating, let stored = transaction.selection.stored {
            var conditions: [String] = []
            if !stored.etag.isEmpty { conditions.append("If-None-Match: \(stored.etag.text())") }
            if !stored.lastModified.isEmpty { conditions.append("If-Modified-Since: \(stored.lastModified.text())") }
            return "ask \(upstream) with \(conditions.joined(separator: " and ")); 304 renews what is stored"
        }
        if transaction.request.facts.flags.contains(.noStore) {
            return "fetch from \(upstream), and store nothing, as the request said no-store"
        }
        return "fetch from \(upstream), and store the answer if it may be stored"
    }

    private static func wait(_ transaction: Transaction, _ fill: FillStanding?) -> String? {
        guard let entry = transaction.request.entry, entry.collapseMilliseconds > 0 else { return nil }
        switch fill {
        case .underWay, .completed:
            return "wait up to \(entry.collapseMilliseconds) ms for the fetch under way, or else"
        case .hitForMiss, .refreshFailed, nil: return nil
        }
    }

    private static func rescue(_ fallback: StaleFallback) -> String? {
        if fallback.contains(.onError) { return "what is stored is served if that fails or brings an error" }
        if fallback.contains(.onDisconnect) { return "what is stored is served if the origin can't be reached" }
        return nil
    }
}
