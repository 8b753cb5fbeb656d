// The delimiters and part headers of multipart/byteranges content (RFC 9110 §14.6, §15.3.7.2, RFC 2046 §5.1). For every
// part the caller sends `appendPartHeader` and then the part's bytes, and `appendEnd` after the last one. The caller
// chooses the boundary: a token of at most 70 characters that doesn't occur in the content, such as 32 random hex
// digits.

import Bytes
import HTTPSemantics

package enum MultipartByteRanges {
    /// Appends the value of the message's own `Content-Type`. The boundary isn't quoted: some clients can't parse that
    /// (§14.6).
    package static func appendContentType(boundary: Span<UInt8>, into output: inout [UInt8]) {
        output.append("multipart/byteranges; boundary=")
        output.append(boundary)
    }

    /// The exact length of the whole content, for `Content-Length`.
    ///
    /// - Parameters:
    ///   - contentType: the value of the stored response's `Content-Type`, empty if it has none.
    ///   - length: the length of the complete stored content.
    package static func length(
        of parts: [Range<Int64>], boundary: Span<UInt8>, contentType: Span<UInt8>, length: Int64
    ) -> Int64 {
        var frame = boundary.count + ("\r\n--\r\nContent-Range: bytes -/\r\n\r\n" as StaticString).utf8CodeUnitCount
        frame += digits(of: length)
        if !contentType.isEmpty {
            frame += ("Content-Type: \r\n" as StaticString).utf8CodeUnitCount + contentType.count
        }
        // The first delimiter has no line end before it; the end is `CRLF -- boundary -- CRLF`.
        var total = Int64(boundary.count + 8 - 2)
        for part in parts {
            total += Int64(frame + digits(of: part.lowerBound) + digits(of: part.upperBound - 1))
            total += part.upperBound - part.lowerBound
        }
        return total
    }

    /// Appends what precedes a part's bytes.
    package static func appendPartHeader(
        _ part: Range<Int64>, isFirst: Bool, boundary: Span<UInt8>, contentType: Span<UInt8>, length: Int64,
        into output: inout [UInt8]
    ) {
        output.append(isFirst ? "--" : "\r\n--")
        output.append(boundary)
        output.append("\r\n")
        if !contentType.isEmpty {
            output.append("Content-Type: ")
            output.append(contentType)
            output.append("\r\n")
        }
        output.append("Content-Range: ")
        ContentRange.part(part, completeLength: length).append(to: &output)
        output.append("\r\n\r\n")
    }

    /// Appends what follows the last part's bytes.
    package static func appendEnd(boundary: Span<UInt8>, into output: inout [UInt8]) {
        output.append("\r\n--")
        output.append(boundary)
        output.append("--\r\n")
    }

    private static func digits(of value: Int64) -> Int {
        var count = 1
        var rest = value
        while rest >= 10 {
            rest /= 10
            count += 1
        }
        return count
    }
}
