// Which stored responses a 304, or a 200 to HEAD, renews (RFC 9111 §4.3.4, §4.3.5). What it changes in them is
// `StoredFieldRule.mayBeUpdated`. The new facts come from `storageVerdict` over the merged head with the stored status and
// the 304's times; a 304 without `Date` counts as made when it arrived, so the stored `Date` must not stand in for it. If
// that verdict refuses, the record is removed, unless `Reason.isRequestsOwn`: then it stays as it was.

import Bytes
import HTTPSemantics

package enum FresheningVerdict: Equatable, Sendable {
    /// A strong validator is the same: every stored response with this verdict is renewed.
    case renewEach
    /// A weak validator is the same: only the most recent stored response with this verdict is renewed.
    case renewLatest
    /// Not this one. If no stored response is renewed, the request goes again without conditions.
    case leave
}

/// - Parameters:
///   - etag, lastModified: the 304's field values, empty where absent.
///   - storedETag, storedLastModified: those of the stored response.
///   - isOnlyCandidate: whether the conditions that were sent came from this one stored response.
package func fresheningVerdict(
    etag: Span<UInt8>, lastModified: Span<UInt8>, storedETag: Span<UInt8>, storedLastModified: Span<UInt8>,
    isOnlyCandidate: Bool
) -> FresheningVerdict {
    let new = EntityTag(field: etag)
    let stored = EntityTag(field: storedETag)
    if let new, !new.isWeak {
        guard let stored else { return .leave }
        return new.isStronglyEqual(to: stored, etag, storedETag) ? .renewEach : .leave
    }
    if let new {
        guard let stored else { return .leave }
        return new.isWeaklyEqual(to: stored, etag, storedETag) ? .renewLatest : .leave
    }
    if !lastModified.isEmpty {
        return lastModified.isSame(as: storedLastModified) ? .renewLatest : .leave
    }
    // A 304 without any validator. RFC 9111 lets it renew a sole stored response that has none either; origins that leave
    // out what they should have repeated (RFC 9110 §15.4.5) are common, and theirs can only mean the one that was asked about.
    return isOnlyCandidate ? .renewLatest : .leave
}

package enum HeadFresheningVerdict: Equatable, Sendable {
    /// The stored GET response takes over the fields of the HEAD response.
    case update
    /// What the origin has now is something else: the stored response is stale.
    case invalidate
}

/// Compares the 200 response to HEAD with a stored response to GET; empty where a field is absent.
package func headFresheningVerdict(
    etag: Span<UInt8>, lastModified: Span<UInt8>, contentLength: Span<UInt8>, storedETag: Span<UInt8>,
    storedLastModified: Span<UInt8>, storedContentLength: Span<UInt8>
) -> HeadFresheningVerdict {
    let isSame =
        (etag.isEmpty || etag.isSame(as: storedETag))
        && (lastModified.isEmpty || lastModified.isSame(as: storedLastModified))
        && (contentLength.isEmpty || contentLength.isSame(as: storedContentLength))
    return isSame ? .update : .invalidate
}
