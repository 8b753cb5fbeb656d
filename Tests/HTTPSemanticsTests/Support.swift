// Bytes that the readers found, as text.

import Bytes

func text(_ range: ByteRange, of bytes: [UInt8]) -> String {
    String(decoding: bytes[range.lower..<range.upper], as: UTF8.self)
}

func text(_ buffer: borrowing ByteBuffer) -> String { buffer.span.text() }

func string(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
