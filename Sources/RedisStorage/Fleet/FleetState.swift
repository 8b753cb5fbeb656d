// The life of the connection that keeps this process in touch with the other Larders on the same Redis: it writes the purges of
// this process to the stream, applies everybody's, and shows that it has. A value without I/O: times go in as arguments.
//
// A sign of life says up to which position everything is applied, and until when this process relies on it; its reply brings what
// was purged since. A purge holds everywhere once every Larder whose sign of life still counts has applied it: the others read
// the stream themselves before they use anything, until they are in touch again.

import CacheStorage

/// What comes on the fleet's connection.
enum FleetReply: Equatable {
    case status
    case error(RedisErrorKind)
    /// At which position a purge was written.
    case position(PurgePosition)
    case beat(FleetBeat)
    case members(FleetMembers)
    /// Anything else.
    case malformed
}

struct FleetState {
    enum Phase: Equatable {
        /// Nothing is under way; the next attempt begins at this time.
        case waiting(until: Int64)
        case connecting
        /// Replies to AUTH and SELECT are awaited.
        case greeting
        /// Signs of life go out.
        case beating
    }

    /// What a reply is awaited for, in the order of the commands.
    enum Awaited: Equatable {
        case greeting
        /// A sign of life that was sent at that time.
        /// - Parameter most: entries that it returns.
        case beat(asked: Int64, most: Int)
        /// A purge of this process, by its number.
        case purge(UInt64)
        /// An entry that was put back.
        case restoration
        case members
    }

    /// What is to be done. Commands are sent in the order of the steps.
    enum Step: Equatable {
        case connect
        /// Send AUTH and SELECT, as far as they are needed.
        case greet
        /// Send a sign of life that says up to where everything is applied.
        /// - Parameter most: entries to be returned.
        case beat(applied: PurgePosition, most: Int)
        /// Send these entries again, each at its position.
        case restore([StreamEntry])
        /// Ask who has applied what.
        case askMembers
        /// Send the purges that wait.
        case takePurges
        /// A purge of this process stands in the stream, and is applied.
        case settle(UInt64, at: PurgePosition)
        /// These are applied now, in order, and everything before the last one as well.
        case apply([StreamEntry], upTo: PurgePosition)
        /// Everything before that time is applied.
        case noteLife(asked: Int64)
        /// A purge is applied by that many.
        case applied(UInt64, instances: Int)
        /// A purge isn't known to be applied everywhere, and time is up.
        case unconfirmed(UInt64)
        /// Redis has lost something.
        case lostPurges(Int)
        /// Copies of what it had say nothing any more.
        case forgetCopies
        /// Purges are exchanged from now on.
        case connected
        /// Close the connection. It is made again after a pause.
        case lose
        /// Close it: Redis refuses. It is asked again much later.
        case refused(RedisErrorKind)
    }

    /// A purge that is to be confirmed by everybody.
    private struct Confirmation {
        let number: UInt64
        var position: PurgePosition?
        let deadline: Int64
    }

    private(set) var phase = Phase.waiting(until: 0)
    private(set) var awaited: [Awaited] = []
    /// Up to where everything is applied.
    private(set) var applied: PurgePosition
    /// Purges of this process that are in the stream, and aren't applied here yet.
    private var settled: [(number: UInt64, position: PurgePosition)] = []
    private var confirmations: [Confirmation] = []
    private var recent: RestorablePurges
    private var epoch: FleetEpoch?
    /// The last position in the stream, as it was at the last sign of life.
    private var streamEnd = PurgePosition.start
    private var attempts = 0
    private var phaseBegan: Int64 = 0
    private var lastBeat: Int64 = 0
    /// When a reply came last.
    private var lastReply: Int64 = 0
    /// Whether something has changed since the last sign of life was sent, and from when on the next one may be.
    private var hurry: Int64?
    private var isConnected = false
    /// What was missing in the stream was written again while everything up to there was applied.
    private var restoredUpTo: PurgePosition?
    private var nextAsk: Int64 = 0
    /// How often others were asked since the last purge was taken.
    private var asks = 0
    private var entriesAtOnce = FleetState.mostEntries
    private var jitter: Jitter

    /// How old the newest sign of life may be while its outcome is relied upon.
    let grace: Int64
    let timeout: Int64
    private var longestSilence: Int64 { grace + 1000 }
    /// How often a sign of life is sent.
    var interval: Int64 { grace == 0 ? 1000 : max(grace / 4, 5) }

    static let mostEntries = 256
    /// Whoever waits for a purge to hold waits no longer than a second more.
    static let longestConfirmation: Int64 = 8000
    /// How often signs of life are sent at most because the stream has changed.
    private static let shortestInterval: Int64 = 2
    private static let shortestPause: Int64 = 50
    private static let longestPause: Int64 = 5000
    static let refusalPause: Int64 = 60_000
    /// Up to 32 milliseconds.
    private static let mostDoublings = 5
    private static let quickAsks = 8

    /// - Parameters:
    ///   - grace: milliseconds.
    ///   - timeout: of connecting and of the greeting, in milliseconds.
    ///   - applied: up to where purges are applied.
    ///   - seed: of the pauses' jitter.
    init(grace: Int64, timeout: Int64, applied: PurgePosition = .start, seed: UInt64) {
        self.grace = grace
        self.timeout = timeout
        self.applied = applied
        recent = RestorablePurges(after: applied)
        jitter = Jitter(seed: seed)
    }

    // MARK: Time

    /// When ``timePassed(now:)`` is to be called at the latest.
    func nextTime(now: Int64) -> Int64 {
        var next: Int64
        switch phase {
        case .waiting(let until): next = until
        case .connecting, .greeting: next = phaseBegan + timeout
        case .beating:
            next = awaited.isEmpty ? .max : lastReply + longestSilence
            if !isBeating { next = min(next, lastBeat + interval, hurry ?? .max) }
            if isAsking { next = min(next, nextAsk) }
        }
        for confirmation in confirmations { next = min(next, confirmation.deadline) }
        return next
    }

    private var isBeating: Bool {
        awaited.contains { if case .beat = $0 { true } else { false } }
    }

    /// Whether others are to be asked what they have applied.
    private var isAsking: Bool {
        confirmations.contains { $0.position != nil } && !awaited.contains(.members)
    }

    mutating func timePassed(now: Int64) -> [Step] {
        var steps = expire(now)
        switch phase {
        case .waiting(let until):
            guard until <= now else { break }
            enter(.connecting, now)
            steps.append(.connect)
        case .connecting, .greeting: if phaseBegan + timeout <= now { steps += lose(now) }
        case .beating:
            if !awaited.isEmpty && lastReply + longestSilence <= now { return steps + lose(now) }
            if !isBeating && (lastBeat + interval <= now || hurry.map { $0 <= now } == true) { steps += beat(now) }
            if isAsking && nextAsk <= now { steps += ask(now) }
        }
        return steps
    }

    private mutating func expire(_ now: Int64) -> [Step] {
        let late = confirmations.filter { $0.deadline <= now }
        confirmations.removeAll { $0.deadline <= now }
        return late.map { .unconfirmed($0.number) }
    }

    private mutating func ask(_ now: Int64) -> [Step] {
        if awaited.isEmpty { lastReply = now }
        awaited.append(.members)
        // Most have applied it after two or three milliseconds.
        nextAsk = now + (1 << Int64(min(max(asks - Self.quickAsks, 0), Self.mostDoublings)))
        asks += 1
        return [.askMembers]
    }

    private mutating func beat(_ now: Int64) -> [Step] {
        hurry = nil
        lastBeat = now
        if awaited.isEmpty { lastReply = now }
        awaited.append(.beat(asked: now, most: entriesAtOnce))
        return [.beat(applied: applied, most: entriesAtOnce)]
    }

    /// The stream is said to have changed.
    mutating func streamChanged(now: Int64) -> [Step] {
        guard phase == .beating else { return [] }
        // What is under way may have been answered before that.
        hurry = max(now, lastBeat + Self.shortestInterval)
        return timePassed(now: now)
    }

    // MARK: Purges of this process

    /// Those were sent, in that order.
    mutating func sent(_ purges: [UInt64], now: Int64) -> [Step] {
        guard !purges.isEmpty else { return [] }
        if awaited.isEmpty { lastReply = now }
        awaited += purges.map { .purge($0) }
        // In the same go: its reply has everything up to them. One that is under way may not have.
        guard isBeating else { return beat(now) }
        hurry = now
        return []
    }

    /// A purge is to be confirmed by everybody, or told to be unconfirmed in time.
    mutating func confirm(_ number: UInt64, now: Int64) {
        confirmations.append(
            Confirmation(number: number, position: nil, deadline: now + min(grace, Self.longestConfirmation) + 1000))
    }

    // MARK: The connection

    /// - Parameter replies: how many statuses come before anything else.
    mutating func connected(replies: Int, now: Int64) -> [Step] {
        awaited = Array(repeating: .greeting, count: replies)
        lastReply = now
        enter(.greeting, now)
        return [.greet] + (replies == 0 ? begin(now) : [])
    }

    private mutating func begin(_ now: Int64) -> [Step] {
        enter(.beating, now)
        return beat(now)
    }

    mutating func received(_ reply: FleetReply, now: Int64) -> [Step] {
        guard phase == .greeting || phase == .beating, let first = awaited.first else { return lose(now) }
        awaited.removeFirst()
        lastReply = now
        switch (first, reply) {
        case (_, .error(let kind)): return refuse(kind, first, now)
        case (.greeting, .status): return awaited.isEmpty ? begin(now) : []
        case (.beat(let asked, let most), .beat(let beat)): return take(beat, asked: asked, most: most, now)
        case (.purge(let number), .position(let position)):
            settled.append((number, position))
            for index in confirmations.indices where confirmations[index].number == number {
                confirmations[index].position = position
                (nextAsk, asks) = (now, 0)
            }
            // It is settled once it is applied: until then Redis may lose it again.
            return []
        case (.restoration, .position): return []
        case (.members, .members(let members)): return take(members, now)
        default:
            // A single one that is too large to be read is passed by its position alone, as a purge of everything.
            entriesAtOnce /= 8
            return lose(now)
        }
    }

    private mutating func take(_ beat: FleetBeat, asked: Int64, most: Int, _ now: Int64) -> [Step] {
        var steps: [Step] = []
        if let before = epoch, before != beat.epoch { steps.append(.forgetCopies) }
        epoch = beat.epoch
        streamEnd = beat.last
        // All that was applied here stood in the stream.
        let isGone = !beat.hasApplied && applied != .start
        let isTrimmed = (beat.isTrimmed || isGone) && applied < beat.first
        if beat.last < applied || isGone && !isTrimmed && restoredUpTo != applied {
            restoredUpTo = applied
            // Whoever wrote first afterwards may have hidden that some are missing: then all are looked for.
            var lost = recent.after(beat.last < applied ? beat.last : .start)
            // Where nothing is known of what was lost, but that it was, records from before can't be told from current ones.
            if lost.isEmpty { lost = [StreamEntry(position: applied, purge: .everything)] }
            // Another may have purged since, at a position that counts as applied here: a new master's clock may be behind.
            if beat.lastApplied != .start, !recent.has(beat.lastApplied) {
                lost.append(StreamEntry(position: .start, purge: .everything))
            }
            return steps + restore(lost, now)
        }
        // Two signs of life that were under way together bring the same ones.
        let new = beat.entries.filter { $0.position > applied }
        var entries = new
        if isTrimmed {
            recent.forget(before: beat.first)
            // Some that aren't known here are gone: what was fetched before those that are left is asked for again.
            let all = Purge([.everything], isSoft: true)
            entries.insert(StreamEntry(position: beat.first, purge: all), at: 0)
        }
        let isComplete = beat.entries.count < most
        if let last = entries.last {
            for entry in new { recent.append(entry) }
            applied = last.position
            steps.append(.apply(entries, upTo: applied))
        }
        entriesAtOnce = Self.mostEntries
        for own in settled where own.position <= applied {
            steps.append(.settle(own.number, at: own.position))
        }
        settled.removeAll { $0.position <= applied }
        if isComplete {
            steps.append(.noteLife(asked: asked))
            attempts = 0
            if !isConnected { steps.append(.connected) }
            isConnected = true
        }
        // Whoever has applied something says so at once.
        if !entries.isEmpty { steps += self.beat(now) }
        if isAsking && nextAsk <= now { steps += ask(now) }
        // After whatever else is sent now, since it is sent when this step is taken.
        if isComplete { steps.append(.takePurges) }
        return steps
    }

    private mutating func restore(_ entries: [StreamEntry], _ now: Int64) -> [Step] {
        awaited += entries.map { _ in .restoration }
        return [.forgetCopies, .lostPurges(entries.count), .restore(entries)] + beat(now)
    }

    private mutating func take(_ members: FleetMembers, _ now: Int64) -> [Step] {
        var steps: [Step] = []
        guard let live = members.live(in: epoch, grace: grace) else { return steps }
        let least = live.reduce(min(applied, streamEnd)) { min($0, $1.applied) }
        confirmations.removeAll { confirmation in
            guard let position = confirmation.position, position <= least else { return false }
            steps.append(.applied(confirmation.number, instances: max(live.count, 1)))
            return true
        }
        return steps
    }

    /// Connecting has failed, or the connection has ended.
    mutating func lose(_ now: Int64) -> [Step] {
        let pause = min(Self.shortestPause << Int64(min(attempts, 10)), Self.longestPause)
        return end(now + pause / 2 + Int64(jitter.next() % UInt64(pause / 2 + 1)), .lose)
    }

    private mutating func refuse(_ kind: RedisErrorKind, _ awaited: Awaited, _ now: Int64) -> [Step] {
        // Redis 6.2 says of errors within scripts that there was one before it says which.
        if kind.mayPass || kind == .other { return lose(now) }
        return end(now + Self.refusalPause, .refused(kind))
    }

    private mutating func end(_ next: Int64, _ step: Step) -> [Step] {
        attempts += 1
        phase = .waiting(until: next)
        awaited = []
        hurry = nil
        isConnected = false
        streamEnd = .start
        // What wasn't applied yet is sent again.
        for own in settled {
            for index in confirmations.indices where confirmations[index].number == own.number {
                confirmations[index].position = nil
            }
        }
        settled = []
        return [step]
    }

    private mutating func enter(_ next: Phase, _ now: Int64) {
        phase = next
        phaseBegan = now
    }
}
