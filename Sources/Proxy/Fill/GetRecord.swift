// The response to a POST that a later GET may be given (RFC 9110 §9.3.3): the origin says by Content-Location that it is what
// a GET of the same URI would bring, and for how long.

import Bytes
import CacheStorage
import HTTPCaching
import HTTPSemantics
import HTTPWire
import Routing

/// The record that a POST's response becomes for GETs.
struct GetRecord {
    let facts: StoredFacts
    let life: Seconds
    /// What it would be overtaken by comes after this.
    let since: InvalidationMoment

    /// Nil for most.
    /// - Parameter isOvertaken: see ``isOvertaken(_:_:since:in:)``.
    init?(
        _ request: AdmittedRequest, _ response: borrowing ResponseHead, _ bytes: Span<UInt8>, requestTime: Instant,
        isOvertaken: Bool, in service: FillService
    ) {
        guard !isOvertaken, request.facts.method == .post, response.status == 200,
            let location = response.first(.contentLocation), !response.contains(.vary),
            let entry = request.entry, entry.recipe.isMadeOfTarget, let policy = entry.policy,
            policy.methods.contains(.get), entry.storesType(of: response, bytes), let path = request.upstreamPath,
            request.tagLine(in: &service.assembly) != nil
        else { return nil }
        // The origin names its target by the path that it was asked for.
        let responseFacts = ResponseFacts(response, bytes, in: service)
        let own = request.bytes
        let scheme = request.scheme.name
        let query = request.queryWithMark
        var resolved: [UInt8] = []
        let verdict = getReuseVerdict(
            request: request.facts, response: responseFacts, policy: policy, requestTime: requestTime,
            contentLocation: bytes.extracting(location), scheme: scheme.span,
            authority: own.extracting(request.head.authority), path: path.span,
            query: query.span, scratch: &resolved)
        guard case .store(var storedFacts, let life) = verdict else { return nil }
        // The POST's own invalidation of what was stored before doesn't cover it.
        storedFacts.requestTime = service.instant
        facts = storedFacts
        self.life = life
        since = service.cache.moment
    }

    /// Whether somebody else has changed the target since the POST was sent. To be asked before the response's own
    /// invalidation is noted.
    static func isOvertaken(
        _ request: AdmittedRequest, _ response: borrowing ResponseHead, since began: InvalidationMoment,
        in service: FillService
    ) -> Bool {
        guard request.facts.method == .post, response.contains(.contentLocation),
            let keys = KeySelection.ofGet(request, &service.composer)
        else { return false }
        return service.cache.overtook(keys.plainKey, since: began)
    }
}

extension KeySelection {
    /// The key of a GET for the same target; nil where no request could have it.
    static func ofGet(_ request: AdmittedRequest, _ composer: inout KeyComposer) -> KeySelection? {
        let authority = request.bytes.extracting(request.head.authority).copied()
        let url = String(
            decoding: request.scheme.name + Array("://".utf8) + authority + request.target, as: UTF8.self)
        do throws(SyntheticRequestFault) {
            try composer.compose(try SyntheticRequest(url: url), by: request.runtime.table)
        } catch {
            return nil
        }
        var keys = KeySelection()
        keys.take(plainKeyOf: composer)
        return keys
    }
}
