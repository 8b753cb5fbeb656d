// How long a message's content is, as far as its head tells, whatever framing says so.

/// The length of a response's content.
package enum ContentSize: Equatable, Sendable {
    /// No content follows: HEAD, 204, 304.
    case none
    case known(UInt64)
    case unknown
}

extension ResponseHead {
    /// The length of the content that follows this head.
    package var contentSize: ContentSize {
        switch framing {
        case .none: .none
        case .length(let length): .known(length)
        case .chunked, .untilClose: .unknown
        }
    }
}
