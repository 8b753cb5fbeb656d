// What Redis replies to the commands of the fleet's connection.

import Bytes
import CacheStorage

/// A purge in the stream.
struct StreamEntry: Equatable {
    let position: PurgePosition
    let purge: Purge

    /// As XRANGE and XREAD return one: its identifier, then fields and values. One that can't be read is a purge of everything;
    /// nil if not even its position can.
    init?(_ element: ReplyElement) {
        guard let parts = element.elements, parts.count == 2, let identifier = parts[0].bytes,
            let position = PurgePosition(streamIdentifier: identifier.span)
        else { return nil }
        self.position = position
        let values = parts[1].elements?.compactMap(\.bytes) ?? []
        purge = Purge(entry: values)
    }

    init(position: PurgePosition, purge: Purge) {
        self.position = position
        self.purge = purge
    }

    /// The entries of a list in order; nil if one can't be read.
    static func all(_ elements: [ReplyElement]) -> [StreamEntry]? {
        let entries = elements.compactMap { StreamEntry($0) }
        return entries.count == elements.count ? entries : nil
    }
}

/// Since when Redis has what it has.
struct FleetEpoch: Equatable {
    let text: [UInt8]
    /// By Redis's clock, in milliseconds.
    let began: Int64

    init?(_ text: [UInt8]) {
        guard let colon = text.lastIndex(of: UInt8(ascii: ":")),
            let began = Decimal.value(text.span.extracting((colon + 1)...))
        else { return nil }
        self.text = text
        self.began = Int64(clamping: began)
    }
}

/// The reply to ``FleetScripts/beat``.
struct FleetBeat: Equatable {
    let epoch: FleetEpoch
    let first: PurgePosition
    let last: PurgePosition
    let isTrimmed: Bool
    let entries: [StreamEntry]
    /// Whether the entry stands there up to which everything is applied.
    let hasApplied: Bool
    /// The last entry that stands no later than that.
    let lastApplied: PurgePosition

    init(
        epoch: FleetEpoch, first: PurgePosition, last: PurgePosition, isTrimmed: Bool, entries: [StreamEntry],
        hasApplied: Bool = true, lastApplied: PurgePosition = .start
    ) {
        self.hasApplied = hasApplied
        self.lastApplied = lastApplied
        self.epoch = epoch
        self.first = first
        self.last = last
        self.isTrimmed = isTrimmed
        self.entries = entries
    }

    init?(_ elements: [ReplyElement]) {
        guard elements.count == 8, let applied = elements[6].integer,
            let epoch = elements[1].bytes.flatMap({ FleetEpoch($0) }),
            let first = elements[2].bytes.flatMap({ PurgePosition(streamIdentifier: $0.span) }),
            let last = elements[3].bytes.flatMap({ PurgePosition(streamIdentifier: $0.span) }),
            let trimmed = elements[4].integer, let entries = elements[5].elements.flatMap({ StreamEntry.all($0) }),
            let lastApplied = elements[7].bytes.flatMap({ PurgePosition(streamIdentifier: $0.span) })
        else { return nil }
        self.init(
            epoch: epoch, first: first, last: last, isTrimmed: trimmed != 0, entries: entries, hasApplied: applied != 0,
            lastApplied: lastApplied)
    }
}

/// The reply to ``FleetScripts/members``.
struct FleetMembers: Equatable {
    struct Member: Equatable {
        let applied: PurgePosition
        /// Until when it relies on what it has applied, by Redis's clock.
        let ends: Int64
    }

    /// By Redis's clock.
    let now: Int64
    /// Nil if there is none.
    let epoch: FleetEpoch?
    let members: [Member]

    init(now: Int64, epoch: FleetEpoch?, members: [Member]) {
        self.now = now
        self.epoch = epoch
        self.members = members
    }

    init?(_ elements: [ReplyElement]) {
        guard elements.count == 3, let now = elements[0].bytes.flatMap({ Decimal.value($0.span) }),
            let epoch = elements[1].bytes, let fields = elements[2].elements, fields.count % 2 == 0
        else { return nil }
        var members: [Member] = []
        for place in stride(from: 1, to: fields.count, by: 2) {
            // What isn't a member's is another program's.
            guard let value = fields[place].bytes, let space = value.firstIndex(of: 0x20),
                let applied = PurgePosition(streamIdentifier: value.span.extracting(..<space)),
                let ends = Decimal.value(value.span.extracting((space + 1)...))
            else { continue }
            members.append(Member(applied: applied, ends: Int64(clamping: ends)))
        }
        self.init(now: Int64(clamping: now), epoch: FleetEpoch(epoch), members: members)
    }

    /// Those that rely on what they have applied; nil while there may be others that rely on what Redis had in another epoch.
    /// - Parameters:
    ///   - known: the epoch in which this process applies purges.
    ///   - grace: for how long anybody relies on what was heard, in milliseconds.
    func live(in known: FleetEpoch?, grace: Int64) -> [Member]? {
        #if LARDER_BREAKABLE_RULES
            if BreakableRule.confirmation.isBroken { return [] }
            let grace = BreakableRule.age.isBroken ? 0 : grace
        #endif
        guard let epoch, epoch == known, epoch.began + grace <= now else { return nil }
        return members.filter { $0.ends > now }
    }
}
