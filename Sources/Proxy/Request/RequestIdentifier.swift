// What a request is called in logs, by whom and when: `X-Request-Id`. A trusted proxy's name for it is kept; otherwise one is
// made, where it is first needed. A HIT that nobody logs has none.

import Bytes
import HTTPSemantics

/// A request's name.
enum RequestIdentifier {
    /// A trusted peer's, where it stands in the head.
    case given(ByteRange)
    /// Written as 32 hexadecimal digits.
    case made(UInt128)

    /// The longest name that is kept.
    static let limit = 128
}

/// Makes names that no other worker or process makes: a random number each, and behind it numbers that look random and don't
/// repeat. One per worker.
final class RequestIdentifiers {
    private let high = UInt64.random(in: .min ... .max)
    private var state = UInt64.random(in: .min ... .max)

    /// SplitMix64: an odd step, then a mixture that can be undone, so that all values differ.
    func next() -> UInt128 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed &>> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed &>> 27)) &* 0x94d0_49bb_1331_11eb
        mixed ^= mixed &>> 31
        return UInt128(high) << 64 | UInt128(mixed)
    }
}

extension RequestIdentifier {
    /// Whether a peer's name for a request is kept: short, and of visible characters.
    static func isKept(_ name: Span<UInt8>) -> Bool {
        guard (1...limit).contains(name.count) else { return false }
        for index in name.indices where !(0x21...0x7e).contains(name[index]) { return false }
        return true
    }
}
