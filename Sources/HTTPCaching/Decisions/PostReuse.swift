// Decides whether the response to a POST is stored to answer later GETs and HEADs of its target (RFC 9110 §9.3.3): the
// origin says by Content-Location that the content is what a GET of this very URI would bring (§8.7), and for how long. A
// POST itself always goes to the origin, and its response invalidates what was stored for the target before (RFC 9111
// §4.4): the caller sees to that first, and stores under the key of a GET.

import Bytes

/// The verdict as for the response to a GET, or `.methodNotCached` where this is an ordinary response to POST.
/// - Parameters:
///   - request: the POST's own facts.
///   - contentLocation: the `Content-Location` field value; empty without one.
///   - scheme, authority, path: of the target URI, the path without its query.
///   - query: the target URI's query with its `?`; empty without one.
///   - scratch: for the resolved reference; what it held is lost.
package func getReuseVerdict(
    request: RequestFacts, response: ResponseFacts, policy: RoutePolicy, requestTime: Instant,
    contentLocation: Span<UInt8>, scheme: Span<UInt8>, authority: Span<UInt8>, path: Span<UInt8>, query: Span<UInt8>,
    scratch: inout [UInt8]
) -> StorageVerdict {
    // 201 names what was created, which is another resource than the one that was asked to create it; of the others only
    // a 200 is what a GET would be answered with.
    guard request.method == .post, policy.methods.contains(.get), response.status.code == 200 else {
        return .refuse(.methodNotCached)
    }
    let isTarget = isTarget(contentLocation, scheme, authority, path, query, &scratch)
    guard isTarget, hasExplicitFreshness(response) else { return .refuse(.methodNotCached) }
    // The freshness must be the origin's: a route's timeout is meant for what is read, and without one nothing is forced.
    var own = policy
    own.timeout = nil
    return storageVerdict(
        request: request.with(method: .get), response: response, policy: own, requestTime: requestTime)
}

/// RFC 9111 §4.2.1.
private func hasExplicitFreshness(_ response: ResponseFacts) -> Bool {
    !response.directives.flags.isDisjoint(with: [.maxAge, .sharedMaxAge]) || response.expires != nil
}

private func isTarget(
    _ reference: Span<UInt8>, _ scheme: Span<UInt8>, _ authority: Span<UInt8>, _ path: Span<UInt8>,
    _ query: Span<UInt8>, _ scratch: inout [UInt8]
) -> Bool {
    guard !reference.trimming(reference.indices).isEmpty else { return false }
    scratch.removeAll(keepingCapacity: true)
    guard
        InvalidatedReference.appendPath(
            of: reference, scheme: scheme, authority: authority, path: path, into: &scratch)
    else { return false }
    guard scratch.count == path.count + query.count else { return false }
    let resolved = scratch.span
    return resolved.extracting(0..<path.count).isSame(as: path)
        && resolved.extracting(path.count..<resolved.count).isSame(as: query)
}
