// Which content codings a request accepts (RFC 9110 §12.5.3), and the shortest Accept-Encoding that says so. Clients spell the
// same thing in many ways; in the reduced form there are few, so that they share what is stored. It keeps what is acceptable
// and drops what nobody sends responses in, the order, and weights: what a client likes less than no coding at all counts as
// not accepted. It decides nothing about a response, and allocates nothing.

import Bytes

/// Filled line by line; without lines the request has no such field, and leaves the choice to the server.
package struct AcceptedCodings: Sendable {
    /// Weights in thousandths by `ContentCoding`, -1 where a coding isn't named. The last one is `deflate`.
    private var weights = InlineArray<4, Int16>(repeating: -1)
    private var identity: Int16 = -1
    /// Of `*`.
    private var others: Int16 = -1
    /// Whether the request has the field.
    package private(set) var isPresent = false
    private var remaining = Self.greatestCount

    /// What comes after so many bytes isn't read. No client sends as much.
    private static let greatestCount = 4096
    private static let deflate = 3

    package init() {}

    /// Adds the value of one line of the field. Members that aren't valid are skipped.
    package mutating func add(_ value: Span<UInt8>) {
        isPresent = true
        let count = min(value.count, remaining)
        remaining -= count
        // A member that is cut off may be anything.
        var end = count
        if count < value.count { while end > 0, value[end - 1] != UInt8(ascii: ",") { end -= 1 } }
        var elements = ListElements(ByteRange(0, end))
        while let element = elements.next(in: value) { add(member: element, of: value) }
    }

    private mutating func add(member: ByteRange, of value: Span<UInt8>) {
        let end = value.firstIndex(of: UInt8(ascii: ";"), in: member.lower..<member.upper) ?? member.upper
        guard let weight = Weight.thousandths(value, end, member.upper) else { return }
        let name = value.extracting(ListElements.trimmed(value, member.lower, end))
        if name.isCaseless("gzip") || name.isCaseless("x-gzip") {
            Self.note(weight, in: &weights[Int(ContentCoding.gzip.rawValue)])
        } else if name.isCaseless("br") {
            Self.note(weight, in: &weights[Int(ContentCoding.br.rawValue)])
        } else if name.isCaseless("zstd") {
            Self.note(weight, in: &weights[Int(ContentCoding.zstd.rawValue)])
        } else if name.isCaseless("deflate") {
            Self.note(weight, in: &weights[Self.deflate])
        } else if name.isCaseless("identity") {
            Self.note(weight, in: &identity)
        } else if name.isCaseless("*") {
            Self.note(weight, in: &others)
        }
    }

    /// What is named twice has the lesser weight.
    private static func note(_ weight: Int, in place: inout Int16) {
        let weight = Int16(weight)
        place = place < 0 ? weight : min(place, weight)
    }

    /// `*` stands for what isn't named; without it that isn't accepted.
    private func weight(_ index: Int) -> Int16 { weights[index] >= 0 ? weights[index] : max(0, others) }

    /// Content without a coding is acceptable unless it is excluded; named by nothing, it is the last choice.
    private var identityWeight: Int16 { identity >= 0 ? identity : others >= 0 ? others : 1 }

    /// Whether content without a coding is not acceptable: `identity;q=0`, or `*;q=0` without `identity`.
    package var refusesIdentity: Bool { isPresent && identityWeight == 0 }

    private func accepts(_ index: Int) -> Bool {
        let weight = weight(index)
        return isPresent && weight > 0 && weight >= identityWeight
    }

    package func accepts(_ coding: ContentCoding) -> Bool { accepts(Int(coding.rawValue)) }

    /// The coding that the client likes best; of equals the first. Nil for none, also for a request without the field: it
    /// accepts everything by the letter, and is sent by programs that understand nothing.
    package func preferred(among codings: [ContentCoding]) -> ContentCoding? {
        var best: ContentCoding?
        for coding in codings where accepts(coding) {
            if let chosen = best, weight(Int(coding.rawValue)) <= weight(Int(chosen.rawValue)) { continue }
            best = coding
        }
        return best
    }

    /// Appends the value of the reduced field; nothing where the request has none.
    package func append(to text: inout [UInt8]) {
        guard isPresent else { return }
        let start = text.count
        for coding in ContentCoding.allCases where accepts(coding) { Self.append(coding.name, to: &text, from: start) }
        // Old, and read in two ways; only for those that know nothing else.
        if text.count == start, weights[Self.deflate] > 0, accepts(Self.deflate) { text.append("deflate") }
        if refusesIdentity {
            Self.append("identity;q=0", to: &text, from: start)
        } else if text.count == start {
            text.append("identity")
        }
    }

    private static func append(_ member: StaticString, to text: inout [UInt8], from start: Int) {
        if text.count > start { text.append(", ") }
        text.append(member)
    }
}
