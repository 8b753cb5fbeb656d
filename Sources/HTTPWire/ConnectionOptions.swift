// The options of Connection (RFC 9110 §7.6.1): whether the connection persists, whether to upgrade it, and which fields
// are hop-by-hop.

import Bytes
import HTTPSemantics

@usableFromInline
package struct ConnectionOptions: Sendable {
    @usableFromInline package internal(set) var hasClose = false
    @usableFromInline package internal(set) var hasKeepAlive = false
    @usableFromInline package internal(set) var hasUpgrade = false
    /// The known fields that it names; `other` is a member if it names any field that isn't known.
    package private(set) var named = FieldSet()
    /// Elements of all lines, empty ones included (RFC 9110 §5.6.1.2).
    private var count = 0

    /// Options name fields, and a head has few: whoever sends more wants to keep the recipient busy.
    static let limit = 128

    /// Reads one Connection line.
    /// - Parameter others: receives the names of fields that aren't known.
    /// - Returns: what is wrong with it: what an element that isn't a token was meant to name is not guessed.
    mutating func read(
        _ value: ByteRange, in bytes: Span<UInt8>, others: inout [NamedField]
    ) -> WireError.Reason? {
        if takesAlone(bytes.extracting(value)) { return nil }
        var index = value.lower
        repeat {
            count += 1
            if count > Self.limit { return .tooManyConnectionOptions }
            let comma = Scan.first(UInt8(ascii: ","), in: bytes, from: index, to: value.upper)
            let element = ListElements.trimmed(bytes, index, comma)
            if !element.isEmpty {
                let option = bytes.extracting(element)
                guard Token.isToken(option) else { return .invalidConnection }
                switch option.count {
                case 5 where Scan.equalsIgnoringCase(option, "close"): hasClose = true
                case 10 where Scan.equalsIgnoringCase(option, "keep-alive"): hasKeepAlive = true
                case 7 where Scan.equalsIgnoringCase(option, "upgrade"): hasUpgrade = true
                default:
                    let name = FieldName.recognise(option)
                    named.insert(name)
                    if name == .other { others.append(NamedField(element, in: bytes)) }
                }
            }
            if comma == value.upper { return nil }
            index = comma &+ 1
        } while true
    }
}

extension ConnectionOptions {
    /// Nearly every line has one of two options, and nothing else.
    private mutating func takesAlone(_ value: Span<UInt8>) -> Bool {
        guard count < Self.limit else { return false }
        switch value.count {
        case 5 where Scan.equalsIgnoringCase(value, "close"): hasClose = true
        case 10 where Scan.equalsIgnoringCase(value, "keep-alive"): hasKeepAlive = true
        default: return false
        }
        count += 1
        return true
    }
}

/// A field that Connection names and that isn't known. It carries a digest, so that a hundred of them are compared with a
/// hundred fields in no more time than it takes to read them.
struct NamedField: Sendable {
    private let range: ByteRange
    private let digest: UInt64

    /// Differs from process to process, so that nobody can prepare names with equal digests.
    private static let seed = UInt64.random(in: .min ... .max)

    init(_ range: ByteRange, in bytes: Span<UInt8>) {
        self.range = range
        digest = NamedField.digest(of: bytes.extracting(range))
    }

    static func digest(of name: Span<UInt8>) -> UInt64 {
        var digest = seed
        for index in name.indices {
            digest = (digest ^ UInt64(name[index].lowercased)) &* 0x9e37_79b9_7f4a_7c15
            digest ^= digest &>> 32
        }
        return digest
    }

    /// Whether it is the field of that name.
    func isField(_ name: Span<UInt8>, digest: UInt64, in bytes: Span<UInt8>) -> Bool {
        self.digest == digest && Token.equalIgnoringCase(bytes.extracting(range), name)
    }
}
