// The form in which an origin is asked for what may be stored: that of the key, so that whoever is served a stored response
// would have been asked for in the same way.

import Bytes
import HTTPWire

package enum NormalTarget {
    /// Appends a part of the path in its normal form.
    package static func append(_ bytes: Span<UInt8>, in range: ByteRange, to output: inout ByteBuffer) {
        output.appendNormalized(bytes, range)
    }

    /// A path or a query in its normal form (RFC 3986 §6.2.2); nil if it has that already.
    package static func form(of bytes: Span<UInt8>, in range: ByteRange) -> [UInt8]? {
        let percent = Scan.first(UInt8(ascii: "%"), in: bytes, from: range.lower, to: range.upper)
        guard percent < range.upper else { return nil }
        var normal = ByteBuffer()
        normal.appendNormalized(bytes, range)
        return normal.span.isSame(as: bytes.extracting(range)) ? nil : normal.span.copied()
    }
}

extension KeyRecipe {
    /// Whether the query may be asked for in its normal form: the key doesn't have it byte for byte.
    package var takesNormalQuery: Bool { query.mode != .exact }
}
