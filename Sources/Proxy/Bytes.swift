// Copies between byte views, in the one file of this module that needs pointers for it.

import HTTPWire

extension Array where Element == UInt8 {
    /// Appends all of `bytes`, as one copy.
    package mutating func append(_ bytes: Span<UInt8>) {
        // The buffer pointer is used within the closure alone.
        unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }
}

extension ByteBuffer {
    /// Appends what stands in `bytes` from `start` on.
    mutating func append(_ bytes: Span<UInt8>, from start: Int) { append(bytes.extracting(start...)) }
}

extension Span where Element == UInt8 {
    /// An array of the same bytes, or of those from `start` on.
    package func copied(from start: Int = 0) -> [UInt8] {
        var copy: [UInt8] = []
        copy.append(extracting(start...))
        return copy
    }

    /// For messages to people; never on the way of a request.
    package func text() -> String { String(decoding: copied(), as: UTF8.self) }
}
