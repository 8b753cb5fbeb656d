// The first steps: which route takes the request, and what the cache may do with it (RFC 9111 §3, §4 before the store
// is asked).

import HTTPCaching
import HTTPSemantics
import HTTPWire
import Routing

extension Transaction {
    func route() -> Progress {
        switch head.method {
        case .connect: return refuse(.methodNotAllowed)
        case .options, .trace:
            if head.targetForm == .asterisk { return answerOptions() }
            if head.contains(.maxForwards), head.maxForwards(in: bytes) == 0 {
                return head.method == .options ? answerOptions() : refuse(.methodNotAllowed)
            }
        case .get, .head, .post, .put, .delete, .patch, .query, .other: break
        }
        if case .length(let length) = head.framing, length > runtime.bodyLimit { return refuse(.bodyTooLarge) }
        if head.contains(.xForwardedProto), let client, worker.trusts(client.peer, in: runtime) {
            readForwardedScheme()
        }
        switch runtime.table.match(bytes, host: head.authority, path: head.path) {
        case .noRoute: return refuse(.noRoute)
        case .refused: return refuse(.invalidPath)
        case .matched(let found):
            match = found
            let entry = runtime.entries[found.route]
            self.entry = entry
            if explainer == nil { entry.counters.requests += 1 }
            if head.wantsUpgrade && entry.allowsUpgrade {
                isTunnel = true
                return pass(.routeNotCached)
            }
            return .next(.admit)
        }
    }

    /// A trusted proxy in front says which scheme its client used; it is part of the key.
    private func readForwardedScheme() {
        guard let value = head.first(.xForwardedProto) else { return }
        let text = bytes.extracting(value)
        if text.count == 5, text[4] | 0x20 == UInt8(ascii: "s") { scheme = .https }
    }

    func admit() -> Progress {
        guard let entry, let policy = entry.policy else { return pass(.routeNotCached) }
        facts = RequestFacts(method: head.method)
        if !head.present.isDisjoint(with: .cachingInRequests) {
            let bytes = self.bytes
            for field in head.fields where FieldSet.cachingInRequests.contains(field.known) {
                facts.note(field.known, bytes.extracting(field.value))
            }
        }
        if case .bypass(let reason) = lookupVerdict(request: facts, policy: policy) {
            // Conditions that the origin alone evaluates, and an origin that is not to be asked (RFC 9111 §5.2.1.7).
            if reason == .originConditions, let refusal = missRefusal(request: facts, policy: policy) {
                self.reason = refusal
                return refuse(.onlyIfCached)
            }
            return pass(reason)
        }
        guard content.isExpected else { return .next(.key) }
        // Content of a GET has no meaning to a key; whoever sends it may get another answer than everybody else.
        guard entry.recipe.needsBody(for: head.method) else { return pass(.methodNotCached) }
        if case .length(let length) = head.framing, length > UInt64(entry.bodyKeyLimit) { return pass(.tooLarge) }
        return .next(.readKeyedBody)
    }

    /// Goes to the origin past the cache.
    func pass(_ reason: Reason) -> Progress {
        self.reason = reason
        verdict = .bypass
        return .next(.fetch)
    }

    /// RFC 9110 §9.3.7: OPTIONS for the server itself.
    private func answerOptions() -> Progress {
        if let explainer { return explainer.refused(self, .own, status: 204) }
        answer(status: 204, reason: "No Content", detail: Outcome.own.slug) { output in
            output.append("Allow: GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS, QUERY\r\n")
        }
        return .done
    }
}

extension FieldSet {
    /// Fields of a request that change what the cache does with it.
    fileprivate static let cachingInRequests: FieldSet = [
        .cacheControl, .pragma, .authorization, .ifMatch, .ifNoneMatch, .ifModifiedSince, .ifUnmodifiedSince, .ifRange,
        .range,
    ]
}

extension ResponseFacts {
    /// What a response says of caching.
    /// - Parameter time: when its head arrived.
    init(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>, at time: Instant) {
        self.init(status: Status(response.status), responseTime: time)
        for field in response.fields {
            if field.known != .other { note(field.known, bytes.extracting(field.value)) }
        }
    }
}
