// What caching needs to know about a status code (RFC 9110 §15, RFC 9111 §3).

/// A status code, cut to three digits.
@usableFromInline
package struct Status: Equatable, Sendable {
    @usableFromInline package var code: UInt16

    @inlinable
    package init(_ code: Int) { self.code = UInt16(truncatingIfNeeded: max(0, min(code, 999))) }

    /// Whether it is a final status, not 1xx (RFC 9110 §15).
    @inlinable package var isFinal: Bool { code >= 200 }

    /// Whether a cache may assign it a heuristic lifetime (RFC 9110 §15.1, RFC 7725 §3).
    @inlinable package var isHeuristicallyCacheable: Bool {
        switch code {
        case 200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 451, 501: true
        default: false
        }
    }

    /// Whether Larder implements the caching requirements of this status, as `must-understand` demands (RFC 9111
    /// §5.2.2.3): the final statuses of RFC 9110 and of the RFCs that are registered for HTTP in general.
    @inlinable package var isUnderstood: Bool {
        switch code {
        case 200...206, 300...304, 307, 308, 400...417, 421, 422, 425, 426, 428, 429, 431, 451, 500...505, 511: true
        default: false
        }
    }

    /// Whether it responds to the conditions or ranges of one request, so that it can't be served to any other: 304,
    /// 412, 416.
    @inlinable package var answersOneRequestOnly: Bool { code == 304 || code == 412 || code == 416 }

    /// Whether a response with this status to an unsafe method invalidates (RFC 9111 §4.4): 2xx and 3xx.
    @inlinable package var isNonError: Bool { (200..<400).contains(code) }

    /// 4xx and 5xx.
    @inlinable package var isError: Bool { (400..<600).contains(code) }

    /// 4xx: what is wrong is the request, and another client's may be right.
    @inlinable package var isClientError: Bool { (400..<500).contains(code) }

    /// Whether it says that there is nothing, or nothing any more: 404 and 410.
    @inlinable package var isGone: Bool { code == 404 || code == 410 }

    /// 5xx: the origin has failed. RFC 5861 §4 names 500, 502, 503 and 504; the others say as little of the resource.
    @inlinable package var isOriginFailure: Bool { (500..<600).contains(code) }
}
