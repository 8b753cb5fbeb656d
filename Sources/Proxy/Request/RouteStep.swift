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
        facts = RequestFacts(method: CachingMethod(head.method))
        if !head.present.isDisjoint(with: CachingField.inRequests) {
            let bytes = self.bytes
            for field in head.fields {
                if let known = CachingField(field.known) { facts.note(known, bytes.extracting(field.value)) }
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

extension CachingField {
    /// Fields of a request that change what the cache does with it.
    static let inRequests: FieldSet = [
        .cacheControl, .pragma, .authorization, .ifMatch, .ifNoneMatch, .ifModifiedSince, .ifUnmodifiedSince, .ifRange,
        .range,
    ]

    /// The decision library's name for a field that the parser knows; nil where it doesn't matter to caching.
    init?(_ name: FieldName) {
        switch name {
        case .cacheControl: self = .cacheControl
        case .cdnCacheControl: self = .cdnCacheControl
        case .larderCacheControl: self = .larderCacheControl
        case .pragma: self = .pragma
        case .expires: self = .expires
        case .age: self = .age
        case .date: self = .date
        case .etag: self = .etag
        case .lastModified: self = .lastModified
        case .vary: self = .vary
        case .setCookie: self = .setCookie
        case .authorization: self = .authorization
        case .ifMatch: self = .ifMatch
        case .ifNoneMatch: self = .ifNoneMatch
        case .ifModifiedSince: self = .ifModifiedSince
        case .ifUnmodifiedSince: self = .ifUnmodifiedSince
        case .ifRange: self = .ifRange
        case .range: self = .range
        case .location: self = .location
        case .contentLocation: self = .contentLocation
        case .contentRange: self = .contentRange
        case .contentType: self = .contentType
        case .contentLength: self = .contentLength
        case .contentEncoding: self = .contentEncoding
        case .connection: self = .connection
        case .keepAlive: self = .keepAlive
        case .proxyConnection: self = .proxyConnection
        case .proxyAuthenticate: self = .proxyAuthenticate
        case .proxyAuthorization: self = .proxyAuthorization
        case .te: self = .te
        case .trailer: self = .trailer
        case .transferEncoding: self = .transferEncoding
        case .upgrade: self = .upgrade
        case .xCache: self = .xCache
        case .cacheStatus: self = .cacheStatus
        case .cacheTag: self = .cacheTag
        case .surrogateKey: self = .surrogateKey
        case .xkey: self = .xkey
        case .cacheGroups: self = .cacheGroups
        case .cacheGroupInvalidation: self = .cacheGroupInvalidation
        case .noVarySearch: self = .noVarySearch
        default: return nil
        }
    }
}

extension ResponseFacts {
    /// What a response says of caching.
    /// - Parameter time: when its head arrived.
    init(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>, at time: Instant) {
        self.init(status: Status(response.status), responseTime: time)
        for field in response.fields {
            if let known = CachingField(field.known) { note(known, bytes.extracting(field.value)) }
        }
    }
}

extension CachingMethod {
    init(_ method: HTTPSemantics.Method) {
        switch method {
        case .get: self = .get
        case .head: self = .head
        case .post: self = .post
        case .query: self = .query
        case .put: self = .put
        case .delete: self = .delete
        case .patch: self = .patch
        case .options: self = .options
        case .trace: self = .trace
        case .connect: self = .connect
        case .other: self = .other
        }
    }
}
