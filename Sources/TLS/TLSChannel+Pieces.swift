// What is offered to be sent in up to three pieces, as one row of bytes.

extension TLSChannel {
    /// The piece that a byte of the row is in, and where in it.
    static func locate(
        _ position: Int, in pieces: (UnsafeRawBufferPointer, UnsafeRawBufferPointer, UnsafeRawBufferPointer)
    ) -> (UnsafeRawBufferPointer, offset: Int) {
        if unsafe position < pieces.0.count { return unsafe (pieces.0, position) }
        let second = unsafe position - pieces.0.count
        if unsafe second < pieces.1.count { return unsafe (pieces.1, second) }
        return unsafe (pieces.2, second - pieces.1.count)
    }
}
