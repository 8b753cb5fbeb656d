// Which purges this process has applied, in a fixed size. A purge costs the same whatever is stored: nothing is searched for or
// deleted, but a record that was fetched before it isn't used from then on. Neither the log nor the records know a clock: a
// record carries the position up to which all purges were applied when its fetch began, its fence, and a purge applies to the
// record if its own position is later.
//
// Each name that is purged has places in a table, as `GreatestTable` describes, one table for hard purges and one for soft
// ones: what was purged is never taken for current, and only records that share all of its places are taken for purged with it.
//
// The position of a purge that this process sends to others is known only when the store has taken it, and fences from
// elsewhere may be later than what is known here. So until then its names apply to every record.

import Bytes
import HTTPCaching
import HTTPSemantics
import Synchronization

/// What purges say about a record.
package enum PurgeVerdict: Sendable, BitwiseCopyable, Comparable {
    case current
    /// It is stale.
    case soft
    /// It isn't used.
    case hard
}

/// Which purges are applied, as one number that changes with each. A record remembers at which revision it was found current.
package struct PurgeRevision: Sendable, BitwiseCopyable, Equatable {
    let number: UInt64

    /// Nothing was ever purged: every record is current.
    package var isFirst: Bool { number == 0 }

    /// For records whose key says all of the URL that purges can name.
    package var mark: PurgeMark { PurgeMark(word: number) }

    /// For records that may be looked up for several URLs: a mark for this one. Allocates nothing.
    /// - Parameter kind: tells apart what is asked in different ways for one URL.
    package func mark(
        kind: UInt8, scheme: Span<UInt8>, authority: Span<UInt8>, path: Span<UInt8>, query: Span<UInt8>
    ) -> PurgeMark {
        var hash = NameHash(kind: kind, scheme: scheme, authority: authority)
        hash.add(path)
        hash.add(query)
        let digest = hash.digest
        return PurgeMark(word: digest.high &+ digest.low &* (2 &* number &+ 1))
    }
}

/// What a record remembers of the revision at which it was found current.
package struct PurgeMark: Sendable, BitwiseCopyable {
    let word: UInt64
}

/// A purge of this process whose position isn't known yet.
package struct UnsettledPurge: Sendable {
    fileprivate let purge: Purge
    fileprivate let number: UInt64
}

/// Shared by all workers; may be used on any thread.
package final class PurgeLog: Sendable {
    private let state: Locked<PurgeTables>
    private let prefixes = PurgedPrefixes()
    /// Those of every host.
    private let commonPrefixes = PurgedPrefixes()
    private let changes = Atomic<UInt64>(0)
    private let appliedWord = Atomic<UInt64>(PurgePosition.start.word)

    package convenience init() { self.init(places: PurgeTables.standardPlaces) }

    /// - Parameter places: of each of the tables' four rows; a power of two.
    init(places: Int) { state = Locked(PurgeTables(places: places)) }

    /// Up to where all purges are applied: the fence of a fetch that begins now. One load.
    package var applied: PurgePosition { PurgePosition(word: appliedWord.load(ordering: .acquiring)) }

    /// To be read before ``verdict(on:at:key:plainKey:url:scheme:authority:path:query:)`` is asked. One load.
    package var revision: PurgeRevision { PurgeRevision(number: changes.load(ordering: .acquiring)) }

    /// Whether a purge has named a prefix that reaches into the query, so that one record may be current for one spelling of
    /// its query only.
    package var reachesQueries: Bool { prefixes.reachQuery || commonPrefixes.reachQuery }

    /// How much was applied.
    package var figures: PurgeFigures { state.withLock { $0.figures } }

    private static func position(at time: WallTime) -> PurgePosition {
        PurgePosition(milliseconds: UInt64(max(0, time.milliseconds)), sequence: 0) ?? .start
    }

    // MARK: Applying

    /// Applies a purge with a position. ``applied`` stays as it is: earlier ones may be missing.
    package func apply(_ purge: Purge, at position: PurgePosition) {
        let names = PurgeNames(purge, in: self)
        state.withLock { tables in
            tables.note(names, at: position)
            changed()
        }
    }

    /// All purges up to a position are applied; an earlier position is ignored.
    package func advance(to position: PurgePosition) {
        state.withLock { _ in move(to: position) }
    }

    /// Applies a purge of which no other process learns: it gets the next position by this process's clock, or the one after all
    /// positions and fences so far where that clock isn't ahead of them.
    @discardableResult
    package func noteOwn(_ purge: Purge, at time: WallTime) -> PurgePosition {
        let names = PurgeNames(purge, in: self)
        return state.withLock { tables in
            let last = appliedWord.load(ordering: .relaxed)
            let position = max(Self.position(at: time), PurgePosition(word: last + 1))
            tables.note(names, at: position)
            changed()
            move(to: position)
            return position
        }
    }

    /// Applies a purge of this process before its position is known: to every record, until ``settle(_:at:)``.
    package func begin(_ purge: Purge) -> UnsettledPurge {
        let names = PurgeNames(purge, in: self)
        return state.withLock { tables in
            let number = tables.begin(names)
            changed()
            return UnsettledPurge(purge: purge, number: number)
        }
    }

    /// The position of a purge is known: from here on it applies to records with earlier fences only. It is counted once it is
    /// applied at its position.
    package func settle(_ unsettled: UnsettledPurge, at position: PurgePosition) {
        let names = PurgeNames(unsettled.purge, in: self)
        state.withLock { tables in
            tables.note(names, at: position, isCounted: false)
            tables.end(names, unsettled.number)
            changed()
        }
    }

    /// A purge without a position isn't needed any more: another one covers it.
    package func withdraw(_ unsettled: UnsettledPurge) {
        let names = PurgeNames(unsettled.purge, in: self)
        state.withLock { tables in
            tables.end(names, unsettled.number)
            changed()
        }
    }

    /// Positions come from elsewhere from now on, and those so far mean nothing there. Whoever calls this empties the memory
    /// store as well.
    package func restart(at position: PurgePosition) {
        state.withLock { tables in
            tables.forget()
            appliedWord.store(position.word, ordering: .releasing)
            changed()
        }
    }

    /// Under the lock, and after the tables: whoever reads the new revision finds the purge in them.
    private func changed() { changes.wrappingAdd(1, ordering: .acquiringAndReleasing) }

    private func move(to position: PurgePosition) {
        if position > applied { appliedWord.store(position.word, ordering: .releasing) }
    }

    fileprivate func note(_ prefix: PurgedPrefix, isOfEveryHost: Bool) {
        (isOfEveryHost ? commonPrefixes : prefixes).note(prefix)
    }

    // MARK: Asking

    /// Whether a record was purged after its fence, or may have been. Allocates nothing.
    /// - Parameters:
    ///   - key, plainKey: what it is looked up by.
    ///   - url: the digest of the URL that it is looked up for, as in ``PurgeItem/url(_:)``; `.none` where there is none.
    ///   - scheme: of that URL, in lower case.
    ///   - authority: of that URL, in any case; empty where there is no URL.
    ///   - path: of that URL, in its normal form.
    ///   - query: with its `?`; empty without one.
    package func verdict(
        on record: StoredResponse, key: CacheKey, plainKey: CacheKey, url: CacheKey, scheme: Span<UInt8>,
        authority: Span<UInt8>, path: Span<UInt8>, query: Span<UInt8>
    ) -> PurgeVerdict {
        let description = record.description
        return state.withLock { tables in
            var question = PurgeQuestion(fence: description.fence)
            question.askAll(tables)
            question.ask(.key(plainKey), tables)
            if key != plainKey { question.ask(.key(key), tables) }
            if url != .none { question.ask(.url(url), tables) }
            if description.url != .none && description.url != url { question.ask(.url(description.url), tables) }
            if !authority.isEmpty {
                question.ask(.host(authority), tables)
                prefixes.forEach(scheme: scheme, authority: authority, path: path, query: query) {
                    question.ask($0, tables)
                }
                commonPrefixes.forEach(scheme: Span(), authority: Span(), path: path, query: query) {
                    question.ask($0, tables)
                }
            }
            let flags = record.facts.flags
            if flags.contains(.tagged) || flags.contains(.grouped) {
                PurgeName.forEach(inHead: record.head, of: GroupOrigin(scheme: scheme, authority: authority)) {
                    question.ask($0, tables)
                }
            }
            return question.verdict
        }
    }
}

/// The names of one purge.
struct PurgeNames {
    private(set) var names: [PurgeName] = []
    private(set) var isEverything = false
    let isSoft: Bool

    init(_ purge: Purge, in log: PurgeLog) {
        isSoft = purge.isSoft
        for item in purge.items {
            switch item {
            case .tag(let tag): names.append(.tag(tag.span))
            case .url(let digest): names.append(.url(digest))
            case .key(let key): names.append(.key(key))
            case .host(let host): names.append(.host(host.span))
            case .everything: isEverything = true
            case .prefix(let text):
                guard let text = PrefixText(text.span) else {
                    isEverything = true
                    continue
                }
                let prefix = PurgedPrefix(text)
                log.note(prefix, isOfEveryHost: text.isOfEveryHost)
                names.append(prefix.name)
            case .group(let origin, let name):
                guard let origin = OriginText(origin) else {
                    isEverything = true
                    continue
                }
                let (scheme, authority) = (origin.scheme, origin.authority)
                names.append(
                    .group(name.span, of: GroupOrigin(scheme: scheme.span, authority: authority.span)))
            }
        }
    }
}

/// How much a log has applied.
package struct PurgeFigures: Sendable, BitwiseCopyable, Equatable {
    /// Purges; only grows.
    package var hard = 0
    package var soft = 0
    /// Own purges whose position isn't known yet.
    package var unsettled = 0

    package init() {}
}
