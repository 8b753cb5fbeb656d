// How long a message's content is, as far as its head tells, whatever framing says so.

/// The length of a message's content.
@usableFromInline
package enum ContentSize: Equatable, Sendable {
    /// No content follows: of responses HEAD's, 204 and 304.
    case none
    case known(UInt64)
    case unknown
}

extension ContentSize {
    @inlinable init(_ framing: BodyFraming) {
        switch framing {
        case .none: self = .none
        case .length(let length): self = .known(length)
        case .chunked, .untilClose: self = .unknown
        }
    }
}

extension BodyFraming {
    /// How a request with such content is framed: whatever has no length goes in chunks (RFC 9112 §6.3).
    package init(ofRequest size: ContentSize) {
        switch size {
        case .none: self = .none
        case .known(let length): self = .length(length)
        case .unknown: self = .chunked
        }
    }
}

extension RequestHead {
    /// The length of the content that follows this head.
    @inlinable package var contentSize: ContentSize { ContentSize(framing) }
}

extension ResponseHead {
    /// The length of the content that follows this head.
    package var contentSize: ContentSize { ContentSize(framing) }
}
