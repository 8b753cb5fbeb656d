// The fields after the last chunk (RFC 9112 §7.1.2): validated like those of a head, and kept for forwarding if they
// are allowed in a trailer section (RFC 9110 §6.5.1).

import Bytes
import HTTPSemantics

struct TrailerSection {
    private let limits: ChunkLimits
    private var line: [UInt8] = []
    private var isAfterCarriageReturn = false
    private var byteCount = 0
    private var fieldCount = 0
    /// `Name: value` lines each with its CRLF.
    private(set) var forwardable: [UInt8] = []

    init(limits: ChunkLimits) { self.limits = limits }

    mutating func removeAll() {
        line.removeAll(keepingCapacity: true)
        forwardable.removeAll(keepingCapacity: true)
        isAfterCarriageReturn = false
        byteCount = 0
        fieldCount = 0
    }

    /// True once `byte` has ended the section.
    mutating func consume(_ byte: UInt8) throws(WireError.Reason) -> Bool {
        byteCount &+= 1
        if byteCount > limits.trailers &+ 2 { throw .trailersTooLarge }
        if isAfterCarriageReturn {
            guard byte == .lineFeed else { throw .bareCarriageReturn }
            isAfterCarriageReturn = false
            if line.isEmpty { return true }
            try keepLine()
            line.removeAll(keepingCapacity: true)
            return false
        }
        switch byte {
        case .carriageReturn: isAfterCarriageReturn = true
        case .lineFeed: throw .bareLineFeed
        case .tab, 0x20...0x7e, 0x80...0xff: line.append(byte)
        default: throw .controlCharacter
        }
        return false
    }

    private mutating func keepLine() throws(WireError.Reason) {
        fieldCount += 1
        if fieldCount > limits.trailerFields { throw .tooManyTrailers }
        let field = try FieldSection.split(0..<line.count, in: line.span)
        if FieldSet.forbiddenInTrailers.contains(field.known) { return }
        forwardable.append(contentsOf: line[field.name.lower..<field.name.upper])
        forwardable.append(UInt8(ascii: ":"))
        forwardable.append(.space)
        forwardable.append(contentsOf: line[field.value.lower..<field.value.upper])
        forwardable.append(.carriageReturn)
        forwardable.append(.lineFeed)
    }
}
