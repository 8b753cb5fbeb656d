// What must still stand at a key of a remote store for a response to be stored there. Whoever fetches puts a placeholder at
// the entry's own key first: then whatever else happens to the key, a DEL by another program included, takes the placeholder
// away, and the response of that fetch is not stored. Where a record stands there already, which others may still be served,
// the record itself is what must still be there.

import HTTPCaching
import Synchronization

/// Names the placeholder of one fetch: no other has the same.
package struct StoreClaim: Sendable, BitwiseCopyable, Equatable {
    package var instance: UInt64
    package var number: UInt64
    /// Whether the response is likely to be for everybody, so that others wait for it.
    package var isShared: Bool

    package init(instance: UInt64, number: UInt64, isShared: Bool) {
        self.instance = instance
        self.number = number
        self.isShared = isShared
    }

    /// How long a placeholder stands unless it is extended, in milliseconds. If its process is killed, another one fetches
    /// within three seconds, the longest pause between two looks at the key included.
    package static let lifetime: Int64 = 2_700
}

/// What a record is told from all others by.
package struct RecordMark: Sendable, BitwiseCopyable, Equatable {
    package let kind: StoredResponse.Kind
    package let id: UInt64
    package let headHasContentLength: Bool
}

/// The first bytes of a value, enough to tell it from others: at most 24 of them.
package struct ValueMark: Sendable, BitwiseCopyable, Equatable {
    private var words: (UInt64, UInt64, UInt64) = (0, 0, 0)
    package let count: Int

    package static let longest = 24

    package init(_ value: Span<UInt8>) {
        count = min(value.count, Self.longest)
        for index in 0..<count {
            let byte = UInt64(value[index]) << UInt64(index % 8 * 8)
            switch index / 8 {
            case 0: words.0 |= byte
            case 1: words.1 |= byte
            default: words.2 |= byte
            }
        }
    }

    package var bytes: [UInt8] {
        (0..<count).map { index in
            let word = index < 8 ? words.0 : index < 16 ? words.1 : words.2
            return UInt8(truncatingIfNeeded: word >> UInt64(index % 8 * 8))
        }
    }

    package static func == (one: ValueMark, other: ValueMark) -> Bool {
        one.count == other.count && one.words == other.words
    }
}

/// A value that must still stand at a key.
package enum StoreFence: Sendable, BitwiseCopyable, Equatable {
    /// The placeholder of that claim.
    case claim(StoreClaim)
    /// That record, whatever has become of its lifetime.
    case record(RecordMark)
    /// Whatever else was seen there; an empty value is none.
    case value(ValueMark)
}

/// What stands at a key instead of the record that was looked for.
package struct StoreOccupant: Sendable, BitwiseCopyable, Equatable {
    package enum Kind: Sendable, BitwiseCopyable, Equatable {
        /// The placeholder of a fetch.
        case claim(StoreClaim)
        /// What the key brings can't be shared: requests go by themselves.
        case hitForMiss
        /// Of no use here: expired, damaged, of another version, with another key text, or another program's.
        case other
    }

    package let kind: Kind
    package let mark: ValueMark

    package init(_ kind: Kind, _ mark: ValueMark) {
        self.kind = kind
        self.mark = mark
    }
}

/// What a lookup saw at a key.
package enum StoreSight: Sendable, BitwiseCopyable, Equatable {
    /// The store wasn't asked, or failed.
    case unknown
    case nothing
    case record(RecordMark)
    case occupied(StoreOccupant)

    /// A record that was found. Of bare JSON nothing else can be compared than what its content begins with.
    package init(of record: StoredResponse) {
        self =
            record.facts.flags.contains(.bareJSON)
            ? .occupied(StoreOccupant(.other, ValueMark(record.body))) : .record(record.mark)
    }

    /// Whether a value with this fence was there; nil if that isn't known.
    package func shows(_ fence: StoreFence) -> Bool? {
        switch (self, fence) {
        case (.unknown, _): nil
        case (.record(let seen), .record(let mark)): seen == mark
        case (.occupied(let occupant), .claim(let claim)): occupant.kind == .claim(claim)
        case (.occupied(let occupant), .value(let mark)): occupant.mark == mark
        case (.nothing, _), (.record, _), (.occupied, .record): false
        }
    }
}

/// The result of a claim.
package enum ClaimOutcome: Sendable, BitwiseCopyable, Equatable {
    /// The placeholder stands.
    case held
    /// Something else stands there now.
    case taken
    /// It isn't known whether the placeholder stands.
    case failed(StoreTrouble)
}

/// Receives the result of a claim, on the worker thread that asked, never from within `claim` itself.
package protocol StoreClaimReceiver: AnyObject {
    func storeDidClaim(_ outcome: ClaimOutcome, token: UInt64)
}

/// Held by a remote store until a write is over, and told if it was refused.
package protocol StoreWriteHolder: AnyObject {
    /// Whether look-ups may find the record while it is being written: not once the store has told of a change to its key.
    func mayBeFound(at now: WallTime) -> Bool

    /// What had to stand at the key doesn't any more: the record isn't stored. Called before the release.
    func writeWasRefused()
}

extension StoreWriteHolder {
    package func mayBeFound(at now: WallTime) -> Bool { true }
}

/// Numbers the claims of a process.
final class ClaimNumbers: Sendable {
    /// Tells this process from all others.
    private let instance = UInt64.random(in: .min ... .max)
    private let last = Atomic<UInt64>(0)

    func next(isShared: Bool) -> StoreClaim {
        StoreClaim(
            instance: instance, number: last.wrappingAdd(1, ordering: .relaxed).newValue, isShared: isShared)
    }
}
