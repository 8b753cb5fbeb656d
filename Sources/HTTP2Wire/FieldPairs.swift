// The neutral lines of a head as HTTP/2 has them: pairs of names and values with the pseudo-fields before them (RFC 9113 §8.3), and
// without what belongs to a connection (§8.2.2). nghttp2 copies them, and makes the names lower-case as it does.
//
// Safety: pairs are kept as offsets, and become pointers into the lines for the one call to which they are lent.

import Bytes
import CNghttp2
import HTTPSemantics
import HTTPWire

/// One head after another; once it has grown, nothing is allocated.
@safe
package final class FieldPairs {
    private struct Pair {
        let name: Range<Int>
        let value: Range<Int>
        let isSecret: Bool
    }

    private var pairs: [Pair] = []
    private var pseudoFields = PseudoFields.none
    private var entries: [nghttp2_nv]
    /// The name and, at its end, the value.
    private var status: [UInt8] = Array(":status200".utf8)

    private static let statusNameLength = 7
    /// The names of a request's pseudo-fields, and both schemes.
    private var requestTexts: [UInt8] = Array(":method:scheme:authority:pathhttps".utf8)

    private enum PseudoFields {
        case none
        case status
        /// Where they stand in the lines.
        case request(method: Range<Int>, target: Range<Int>, authority: Range<Int>, isHTTPS: Bool)
    }

    package init() { unsafe entries = [] }

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

    /// Reads a status line and the fields behind it.
    /// - Returns: how many pairs there are.
    package func read(_ lines: Span<UInt8>, _ form: StatusForm = .asWritten) -> Int {
        pairs.removeAll(keepingCapacity: true)
        pseudoFields = .status
        // `HTTP/1.1 200 OK`
        for place in 0..<3 { status[Self.statusNameLength + place] = lines[9 + place] }
        switch form {
        case .asWritten: break
        case .switched: setStatus("200")
        case .refusingUpgrade: if lines[9] == UInt8(ascii: "2") { setStatus("501") }
        }
        var start = 12
        while start < lines.count, lines[start] != .lineFeed { start += 1 }
        readFields(lines, from: start + 1)
        return pairs.count + 1
    }

    package func readTrailers(_ lines: Span<UInt8>) -> Int {
        pairs.removeAll(keepingCapacity: true)
        pseudoFields = .none
        readFields(lines, from: 0)
        return pairs.count
    }

    /// Reads a request's head as HTTP/1 has it, up to its empty line.
    /// - Returns: how many pairs there are; nil where the lines don't begin with a request line and Host.
    package func readRequest(_ lines: Span<UInt8>, isHTTPS: Bool) -> Int? {
        pairs.removeAll(keepingCapacity: true)
        let end = Scan.first(.lineFeed, in: lines, from: 0, to: lines.count)
        let methodEnd = Scan.first(.space, in: lines, from: 0, to: end)
        let targetEnd = Scan.first(.space, in: lines, from: min(methodEnd + 1, end), to: end)
        guard methodEnd > 0, targetEnd < end, end < lines.count else { return nil }
        readFields(lines, from: end + 1)
        guard let host = pairs.first, FieldName.recognise(lines.extracting(host.name)) == .host else { return nil }
        pairs.removeFirst()
        // RFC 9113 §8.2.2: of TE, no more than that trailers are taken.
        pairs.removeAll { pair in
            let name = lines.extracting(pair.name)
            return name.count == 2 && FieldName.recognise(name) == .te
                && !lines.extracting(pair.value).isCaseless("trailers")
        }
        let target = (methodEnd + 1)..<targetEnd
        pseudoFields = .request(method: 0..<methodEnd, target: target, authority: host.value, isHTTPS: isHTTPS)
        return pairs.count + (host.value.isEmpty ? 3 : 4)
    }

    /// Whether a name of this length may be one that isn't like all others: recognising each was a twentieth of a hit.
    private static func isLengthOfSpecial(_ count: Int) -> Bool {
        switch count {
        case 7, 10, 16, 17, 20: true
        default: false
        }
    }

    private func setStatus(_ text: StaticString) {
        for place in 0..<3 { status[Self.statusNameLength + place] = text[octet: place] }
    }

    private func readFields(_ lines: Span<UInt8>, from first: Int) {
        var start = first
        while start < lines.count {
            let end = Scan.first(.lineFeed, in: lines, from: start, to: lines.count)
            // The empty line, behind which there may be content.
            if end == start || end == start + 1 && lines[start] == .carriageReturn { return }
            let colon = Scan.first(UInt8(ascii: ":"), in: lines, from: start, to: end)
            defer { start = end + 1 }
            guard colon > start, colon < end else { continue }
            let known =
                Self.isLengthOfSpecial(colon - start) ? FieldName.recognise(lines.extracting(start..<colon)) : .other
            if Self.ofConnection.contains(known) { continue }
            // RFC 8441 §5: an extended CONNECT has no use for it.
            if known == .other, lines.extracting(start..<colon).isCaseless("sec-websocket-accept") { continue }
            let valueEnd = end > colon + 1 && lines[end - 1] == .carriageReturn ? end - 1 : end
            let value = lines.trimming((colon + 1)..<valueEnd)
            // RFC 7541 §7.1.3: what is worth guessing is kept out of the table that guesses are checked with.
            pairs.append(Pair(name: start..<colon, value: value, isSecret: known == .setCookie))
        }
    }

    /// Lends the pairs that were read from these lines.
    package func withPairs(in lines: Span<UInt8>, _ body: (UnsafeMutablePointer<nghttp2_nv>?) -> Void) {
        unsafe lines.withUnsafeBufferPointer { buffer in
            unsafe withTexts { texts in
                guard let base = unsafe UnsafeMutablePointer(mutating: buffer.baseAddress), let texts = unsafe texts
                else { return }
                unsafe entries.removeAll(keepingCapacity: true)
                unsafe appendPseudoFields(texts, base)
                for pair in pairs {
                    let flags = pair.isSecret ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE
                    unsafe entries.append(
                        nghttp2_nv(
                            name: base + pair.name.lowerBound, value: base + pair.value.lowerBound,
                            namelen: pair.name.count, valuelen: pair.value.count, flags: UInt8(flags.rawValue)))
                }
                unsafe entries.withUnsafeMutableBufferPointer { unsafe body($0.baseAddress) }
            }
        }
    }

    /// Lends what isn't in the lines.
    private func withTexts(_ body: (UnsafeMutablePointer<UInt8>?) -> Void) {
        if case .request = pseudoFields {
            unsafe requestTexts.withUnsafeMutableBufferPointer { unsafe body($0.baseAddress) }
        } else {
            unsafe status.withUnsafeMutableBufferPointer { unsafe body($0.baseAddress) }
        }
    }

    private func appendPseudoFields(_ texts: UnsafeMutablePointer<UInt8>, _ lines: UnsafeMutablePointer<UInt8>) {
        switch pseudoFields {
        case .none: return
        case .status: unsafe append(texts, Self.statusNameLength, texts + Self.statusNameLength, 3)
        case .request(let method, let target, let authority, let isHTTPS):
            unsafe append(texts, 7, lines + method.lowerBound, method.count)
            unsafe append(texts + 7, 7, texts + 29, isHTTPS ? 5 : 4)
            if !authority.isEmpty { unsafe append(texts + 14, 10, lines + authority.lowerBound, authority.count) }
            unsafe append(texts + 24, 5, lines + target.lowerBound, target.count)
        }
    }

    private func append(
        _ name: UnsafeMutablePointer<UInt8>, _ nameLength: Int, _ value: UnsafeMutablePointer<UInt8>, _ length: Int
    ) {
        unsafe entries.append(
            nghttp2_nv(
                name: name, value: value, namelen: nameLength, valuelen: length,
                flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue)))
    }
}
