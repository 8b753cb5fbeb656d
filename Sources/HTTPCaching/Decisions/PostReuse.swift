// Decides whether the response to a POST is stored for later GETs and HEADs of its target (RFC 9110 §9.3.3): with
// Content-Location the origin declares that the content is what a GET of this URI would return (§8.7), and it gives a
// lifetime. A POST itself always goes to the origin, and its response invalidates what was stored for the target before
// (RFC 9111 §4.4): the caller invalidates first, then stores under the key of a GET.

import Bytes

/// The verdict as for the response to a GET, or `.methodNotCached` for an ordinary response to POST.
/// - Parameters:
///   - request: the POST's own facts.
///   - contentLocation: the `Content-Location` field value; empty without one.
///   - scheme, authority, path: of the target URI, the path without its query.
///   - query: the target URI's query with its `?`; empty without one.
///   - scratch: a buffer for the resolved reference; its contents are overwritten.
package func getReuseVerdict(
    request: RequestFacts, response: ResponseFacts, policy: RoutePolicy, requestTime: Instant,
    contentLocation: Span<UInt8>, scheme: Span<UInt8>, authority: Span<UInt8>, path: Span<UInt8>, query: Span<UInt8>,
    scratch: inout [UInt8]
) -> StorageVerdict {
    // The Content-Location of a 201 names the created resource, not the target; of the other statuses only 200 is what
    // a GET would receive.
    guard request.method == .post, policy.methods.contains(.get), response.status.code == 200 else {
        return .refuse(.methodNotCached)
    }
    let isTarget = isTarget(contentLocation, scheme, authority, path, query, &scratch)
    guard isTarget, response.hasExplicitFreshness else { return .refuse(.methodNotCached) }
    // The lifetime must come from the origin: a route's timeout is meant for reads. Without a timeout, nothing is
    // forced.
    var own = policy
    own.timeout = nil
    return storageVerdict(
        request: request.with(method: .get), response: response, policy: own, requestTime: requestTime)
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
