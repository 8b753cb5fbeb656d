import Bytes

/// What the buffer holds, as text.
func text(_ buffer: borrowing ByteBuffer) -> String { buffer.span.text() }
