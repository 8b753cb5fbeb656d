// The neutral lines of a head as HTTP/2 has them: pairs of names and values with the pseudo-fields before them (RFC 9113 §8.3), and
// without what belongs to a connection (§8.2.2). nghttp2 copies them, and makes the names lower-case as it does.
//
// Safety: pairs point into the lines that they were read from, and are lent for one call within which these stay where they are.
// `entries` is owned here and freed in `deinit`; `count` of its elements hold values, and they have no destructor.

import Bytes
import CNghttp2
import HTTPSemantics
import HTTPWire

/// One head after another; once it has grown, nothing is allocated.
@safe
package final class FieldPairs {
    private var entries = UnsafeMutableBufferPointer<nghttp2_nv>.allocate(capacity: 32)
    private var count = 0
    /// The name and, at its end, the value.
    private let status = unsafe text(":status200")
    /// The names of a request's pseudo-fields, and both schemes.
    private let requestTexts = unsafe text(":method:scheme:authority:pathhttps")

    private static let statusNameLength = 7

    /// What becomes of the status in the lines.
    package enum StatusForm {
        case asWritten
        /// A 101 (RFC 8441 §5).
        case switched
        /// No 2xx, which would mean that the stream is a tunnel from here on.
        case refusingUpgrade
    }

    private static let ofConnection: FieldSet = [
        .connection, .keepAlive, .proxyConnection, .transferEncoding, .upgrade,
    ]

    package init() {}

    deinit {
        unsafe entries.deallocate()
        unsafe status.deallocate()
        unsafe requestTexts.deallocate()
    }

    private static func text(_ literal: StaticString) -> UnsafeMutablePointer<UInt8> {
        let made = UnsafeMutablePointer<UInt8>.allocate(capacity: literal.utf8CodeUnitCount)
        unsafe made.initialize(from: literal.utf8Start, count: literal.utf8CodeUnitCount)
        return unsafe made
    }

    /// Lends the pairs of a status line and the fields behind it, and how many there are.
    @inline(__always)
    func withResponse(
        _ lines: Span<UInt8>, _ form: StatusForm = .asWritten, _ body: (UnsafeMutablePointer<nghttp2_nv>?, Int) -> Void
    ) {
        unsafe lines.withUnsafeBufferPointer { buffer in
            count = 0
            // `HTTP/1.1 200 OK`
            let code = unsafe status + Self.statusNameLength
            for place in 0..<3 { unsafe code[place] = lines[9 + place] }
            switch form {
            case .asWritten: break
            case .switched: setStatus("200")
            case .refusingUpgrade: if lines[9] == UInt8(ascii: "2") { setStatus("501") }
            }
            unsafe append(status, Self.statusNameLength, code, 3)
            let end = Scan.first(.lineFeed, in: lines, from: 12, to: lines.count)
            unsafe readFields(lines, buffer.baseAddress, from: end + 1)
            unsafe body(entries.baseAddress, count)
        }
    }

    /// Lends the pairs of lines that are fields, and how many there are.
    func withTrailers(_ lines: Span<UInt8>, _ body: (UnsafeMutablePointer<nghttp2_nv>?, Int) -> Void) {
        unsafe lines.withUnsafeBufferPointer { buffer in
            count = 0
            unsafe readFields(lines, buffer.baseAddress, from: 0)
            unsafe body(entries.baseAddress, count)
        }
    }

    /// Lends the pairs of a request's head as HTTP/1 has it, up to its empty line, and how many there are; doesn't call `body`
    /// where the lines don't begin with a request line and Host.
    func withRequest(
        _ lines: Span<UInt8>, isHTTPS: Bool, _ body: (UnsafeMutablePointer<nghttp2_nv>?, Int) -> Void
    ) {
        let end = Scan.first(.lineFeed, in: lines, from: 0, to: lines.count)
        let methodEnd = Scan.first(.space, in: lines, from: 0, to: end)
        let targetEnd = Scan.first(.space, in: lines, from: min(methodEnd + 1, end), to: end)
        guard methodEnd > 0, targetEnd < end, end < lines.count else { return }
        let hostEnd = Scan.first(.lineFeed, in: lines, from: end + 1, to: lines.count)
        let nameEnd = Scan.first(UInt8(ascii: ":"), in: lines, from: end + 1, to: hostEnd)
        guard nameEnd < hostEnd, FieldName.recognise(lines.extracting((end + 1)..<nameEnd)) == .host else { return }
        let host = Self.value(behind: nameEnd, to: hostEnd, of: lines)
        unsafe lines.withUnsafeBufferPointer { buffer in
            guard let base = unsafe UnsafeMutablePointer(mutating: buffer.baseAddress) else { return }
            count = 0
            unsafe append(requestTexts, 7, base, methodEnd)
            unsafe append(requestTexts + 7, 7, requestTexts + 29, isHTTPS ? 5 : 4)
            if !host.isEmpty { unsafe append(requestTexts + 14, 10, base + host.lowerBound, host.count) }
            unsafe append(requestTexts + 24, 5, base + methodEnd + 1, targetEnd - methodEnd - 1)
            unsafe readFields(lines, buffer.baseAddress, from: hostEnd + 1, isRequest: true)
            unsafe body(entries.baseAddress, count)
        }
    }

    /// Whether a name of this length may be one that isn't like all others: recognising each was a twentieth of a hit.
    private static func isLengthOfSpecial(_ count: Int) -> Bool {
        switch count {
        case 7, 10, 16, 17, 20: true
        default: false
        }
    }

    private func setStatus(_ text: StaticString) {
        for place in 0..<3 { unsafe status[Self.statusNameLength + place] = text[octet: place] }
    }

    private func readFields(
        _ lines: Span<UInt8>, _ start: UnsafePointer<UInt8>?, from first: Int, isRequest: Bool = false
    ) {
        guard let base = unsafe UnsafeMutablePointer(mutating: start) else { return }
        var next = first
        while next < lines.count {
            let lineStart = next
            let end = Scan.first(.lineFeed, in: lines, from: lineStart, to: lines.count)
            // The empty line, behind which there may be content.
            if end == lineStart || end == lineStart + 1 && lines[lineStart] == .carriageReturn { return }
            next = end + 1
            let colon = Scan.first(UInt8(ascii: ":"), in: lines, from: lineStart, to: end)
            let nameCount = colon - lineStart
            guard nameCount > 0, colon < end else { continue }
            let value = Self.value(behind: colon, to: end, of: lines)
            var flags = NGHTTP2_NV_FLAG_NONE
            if Self.isLengthOfSpecial(nameCount) {
                let name = lines.extracting(lineStart..<colon)
                let known = FieldName.recognise(name)
                if Self.ofConnection.contains(known) { continue }
                // RFC 8441 §5: an extended CONNECT has no use for it.
                if known == .other, name.isCaseless("sec-websocket-accept") { continue }
                // RFC 7541 §7.1.3: what is worth guessing is kept out of the table that guesses are checked with.
                if known == .setCookie { flags = NGHTTP2_NV_FLAG_NO_INDEX }
            } else if isRequest, nameCount == 2, FieldName.recognise(lines.extracting(lineStart..<colon)) == .te {
                // RFC 9113 §8.2.2: of TE, no more than that trailers are taken.
                guard lines.extracting(value).isCaseless("trailers") else { continue }
            }
            unsafe append(base + lineStart, nameCount, base + value.lowerBound, value.count, flags)
        }
    }

    /// The value of a line that ends at `end`, maybe with a carriage return.
    @inline(__always)
    private static func value(behind colon: Int, to end: Int, of lines: Span<UInt8>) -> Range<Int> {
        lines.trimming((colon + 1)..<(end > colon + 1 && lines[end - 1] == .carriageReturn ? end - 1 : end))
    }

    private func append(
        _ name: UnsafeMutablePointer<UInt8>, _ nameLength: Int, _ value: UnsafeMutablePointer<UInt8>, _ length: Int,
        _ flags: nghttp2_nv_flag = NGHTTP2_NV_FLAG_NONE
    ) {
        if unsafe count == entries.count { grow() }
        unsafe entries[count] = nghttp2_nv(
            name: name, value: value, namelen: nameLength, valuelen: length, flags: UInt8(flags.rawValue))
        count &+= 1
    }

    private func grow() {
        let grown = unsafe UnsafeMutableBufferPointer<nghttp2_nv>.allocate(capacity: 2 * entries.count)
        _ = unsafe grown.update(fromContentsOf: entries)
        unsafe entries.deallocate()
        unsafe entries = grown
    }
}
