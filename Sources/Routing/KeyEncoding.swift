// How parts of a request are written into key texts.

import Bytes
import HTTPWire

/// How a value is decoded before it is encoded for the key.
enum ValueDecoding {
    /// Not at all: header fields, cookies, Larder's own texts.
    case none
    /// A part of the path. Its slashes stand as they are, or can't be there, so that an encoded one is no other character's twin.
    case path
    /// A part of the query.
    case query
}

extension ByteBuffer {
    /// Appends the normal form of RFC 3986 §6.2.2: unreserved characters decoded, triplets with upper-case digits,
    /// everything else unchanged. Texts with the same normal form are equivalent for every origin.
    mutating func appendNormalized(_ bytes: Span<UInt8>, _ range: ByteRange) {
        var start = range.lower
        var index = start
        while true {
            index = Scan.first(UInt8(ascii: "%"), in: bytes, from: index, to: range.upper)
            if index == range.upper { break }
            guard let byte = PercentEncoding.triplet(bytes, at: index, end: range.upper) else {
                index += 1
                continue
            }
            append(bytes.extracting(start..<index))
            if byte.isUnreserved { append(byte) } else { appendTriplet(byte) }
            index += 3
            start = index
        }
        append(bytes.extracting(start..<range.upper))
    }

    /// Appends a value with everything but unreserved characters percent-encoded. An origin may tell `;` from `%3B` (RFC 3986
    /// §2.2), so they stay apart: the first is written `%3B`, the second `%253B`. What can't stand in a target without
    /// encoding, such as a space, is written as it was sent. A `%` that encodes nothing is `%25%25`.
    /// - Parameters:
    ///   - escape: an unreserved character that is encoded too; 0 for none.
    ///   - keepsSlashes: literal slashes in `bytes` stay literal; encoded ones stay encoded.
    mutating func appendValue(
        _ bytes: Span<UInt8>, _ range: ByteRange, _ decoding: ValueDecoding, escape: UInt8, keepsSlashes: Bool = false
    ) {
        var index = range.lower
        while index < range.upper {
            if keepsSlashes, bytes[index] == UInt8(ascii: "/") {
                append(UInt8(ascii: "/"))
                index += 1
                continue
            }
            guard decoding != .none, bytes[index] == UInt8(ascii: "%") else {
                appendValue(bytes[index], escape: escape)
                index += 1
                continue
            }
            guard let byte = PercentEncoding.triplet(bytes, at: index, end: range.upper) else {
                append("%25%25")
                index += 1
                continue
            }
            index += 3
            if Self.hasTwin(byte, decoding) {
                appendTriplet(UInt8(ascii: "%"))
                append((byte >> 4).capitalHexDigit)
                append((byte & 0x0f).capitalHexDigit)
            } else {
                appendValue(byte, escape: escape)
            }
        }
    }

    /// Whether the character can stand in a target without encoding too, and means something else there.
    private static func hasTwin(_ byte: UInt8, _ decoding: ValueDecoding) -> Bool {
        guard byte > 0x20, byte < 0x7f, !byte.isUnreserved else { return false }
        return decoding == .query || byte != UInt8(ascii: "/")
    }

    /// Appends a value without decoding it, and without anything else that is encoded: unreserved bytes are copied together.
    mutating func appendValue(_ bytes: Span<UInt8>) {
        var start = 0
        for index in bytes.indices where !bytes[index].isUnreserved {
            append(bytes.extracting(start..<index))
            appendTriplet(bytes[index])
            start = index + 1
        }
        append(bytes.extracting(start...))
    }

    /// Appends one byte of a value.
    @inline(__always)
    mutating func appendValue(_ byte: UInt8, escape: UInt8) {
        if byte.isUnreserved, byte != escape { append(byte) } else { appendTriplet(byte) }
    }

    /// Appends all of `other` as a value.
    mutating func appendValue(_ other: borrowing ByteBuffer, escape: UInt8) {
        appendValue(other.span, ByteRange(0, other.count), .none, escape: escape)
    }

    mutating func append(_ other: borrowing ByteBuffer) { append(other.span) }

    mutating func appendTriplet(_ byte: UInt8) {
        append(UInt8(ascii: "%"))
        append((byte >> 4).capitalHexDigit)
        append((byte & 0x0f).capitalHexDigit)
    }

    /// Appends 32 lowercase hex digits.
    mutating func append(_ digest: MD5Digest) {
        for index in 0..<32 { append(digest.hexDigit(at: index)) }
    }
}
