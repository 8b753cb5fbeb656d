// Content codings (RFC 9110 §8.4.1) that clients and servers commonly have in common.

/// A content coding that Larder knows by name.
@frozen
package enum ContentCoding: UInt8, CaseIterable, Sendable, BitwiseCopyable {
    /// RFC 7932.
    case br
    /// RFC 9110 §8.4.1.3.
    case gzip
    /// RFC 8878.
    case zstd

    /// As fields name it.
    package var name: StaticString {
        switch self {
        case .br: "br"
        case .gzip: "gzip"
        case .zstd: "zstd"
        }
    }
}
