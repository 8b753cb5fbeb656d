// Which stored responses a 304, or a 200 to HEAD, freshens (RFC 9111 §4.3.4, §4.3.5). `StoredFieldRule.mayBeUpdated`
// says which fields it updates. The new facts come from `storageVerdict` over the merged head with the stored status
// and the 304's times; a 304 without `Date` is dated by its arrival, so the stored `Date` must not replace it. If that
// verdict is to refuse, the record is removed, unless `Reason.isRequestsOwn`: then it stays unchanged.

import Bytes
import HTTPSemantics

package enum FresheningVerdict: Equatable, Sendable {
    /// A strong validator matches: freshen every stored response with this verdict.
    case freshenEach
    /// A weak validator matches: freshen only the most recent stored response with this verdict.
    case freshenLatest
    /// Not this one. If no stored response is freshened, the request is sent again without conditions.
    case leave
}

/// - Parameters:
///   - etag, lastModified: the 304's field values, empty where absent.
///   - storedETag, storedLastModified: the same fields of the stored response.
///   - isOnlyCandidate: whether the conditions that were sent came from this one stored response.
package func fresheningVerdict(
    etag: Span<UInt8>, lastModified: Span<UInt8>, storedETag: Span<UInt8>, storedLastModified: Span<UInt8>,
    isOnlyCandidate: Bool
) -> FresheningVerdict {
    let new = EntityTag(field: etag)
    let stored = EntityTag(field: storedETag)
    if let new, !new.isWeak {
        guard let stored else { return .leave }
        return new.isStronglyEqual(to: stored, etag, storedETag) ? .freshenEach : .leave
    }
    if let new {
        guard let stored else { return .leave }
        return new.isWeaklyEqual(to: stored, etag, storedETag) ? .freshenLatest : .leave
    }
    if !lastModified.isEmpty {
        return lastModified.isSame(as: storedLastModified) ? .freshenLatest : .leave
    }
    // A 304 without any validator. RFC 9111 lets it freshen a sole stored response that has none either. Origins that
    // omit the validators they should repeat (RFC 9110 §15.4.5) are common, and such a 304 can only refer to the one
    // response that was asked about.
    return isOnlyCandidate ? .freshenLatest : .leave
}

package enum HeadFresheningVerdict: Equatable, Sendable {
    /// Update the stored GET response with the fields of the HEAD response.
    case update
    /// The representation has changed: the stored response is invalid.
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
