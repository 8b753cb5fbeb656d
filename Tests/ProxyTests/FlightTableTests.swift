import CacheStorage
import EventLoop
import Testing

@testable import Proxy

// Who leads, who follows and who goes alone, by what the table knows of a key at that time.

@Suite("RFC 9111 §4, collapsed requests: which fetches are under way")
struct FlightTableTests {
    private let table = FlightTable()
    private let inbox = Inbox()
    private let key = FlightScene.key
    private let variantText = Array("GET http://api.example/report|accept:json".utf8)
    private let start = MonotonicTime(milliseconds: 1_000_000)

    private func flight(_ key: CacheKey = FlightScene.key, text: [UInt8] = FlightScene.keyText) -> Flight {
        Flight(key: key, keyText: text, began: .first, leader: inbox.mailbox)
    }

    private func later(_ milliseconds: Int64) -> MonotonicTime { start.advanced(byMilliseconds: milliseconds) }

    /// A request for the key that missed.
    private func join(
        _ flight: Flight?, at now: MonotonicTime? = nil, asked: MonotonicTime? = nil, isOvertaken: Bool = false,
        text: [UInt8] = FlightScene.keyText
    ) -> FlightRole {
        table.join(
            key, keyText: text.span, worker: 0, mailbox: inbox.mailbox, now: now ?? start,
            asked: asked ?? MonotonicTime(milliseconds: .max), isOvertaken: { _ in isOvertaken }, make: { flight })
    }

    /// A background refresh of the key that would begin.
    private func refresh(
        _ flight: Flight, at now: MonotonicTime? = nil, asked: MonotonicTime? = nil, known: StoredResponse? = nil
    ) -> Flight? {
        table.lead(
            key, now: now ?? start, asked: asked ?? MonotonicTime(milliseconds: .max),
            known: known ?? FlightScene.response(id: 99, body: []), make: { flight })
    }

    @Test("The first leads, the next follow it, and after it is over another leads")
    func leads() {
        let first = flight()
        #expect(join(first).leads === first)
        #expect(join(flight()).follows === first && join(nil).follows === first)
        #expect(first.followers == 2)
        table.remove(first, under: key)
        let second = flight()
        #expect(join(second).leads === second)
    }

    @Test("Who can't lead and finds nothing to follow goes alone, and leaves nothing behind")
    func cannotLead() {
        #expect(join(nil).isAlone(knownUnshared: false))
        #expect(table.counts.flights == 0)
    }

    @Test(
        "A fetch that an invalidation overtook isn't followed: the request leads a new one, which stays when the old one ends"
    )
    func overtaken() {
        let old = flight()
        let new = flight()
        _ = join(old)
        #expect(join(new, isOvertaken: true).leads === new)
        table.remove(old, under: key)
        #expect(join(nil).follows === new)
    }

    @Test("A fetch that can't be followed any more gives way to a new one")
    func over() {
        let failed = flight()
        _ = join(failed)
        failed.fail(.refused)
        let next = flight()
        #expect(join(next).leads === next)
    }

    @Test("Another text with the same digest goes by itself")
    func collision() {
        let first = flight()
        _ = join(first)
        #expect(join(flight(), text: Array("GET http://other/".utf8)).isAlone(knownUnshared: false))
        #expect(join(nil).follows === first)
    }

    @Test(
        "What can't be shared is known for a minute, after a failure of the origin for a second",
        arguments: [false, true])
    func unshared(isShort: Bool) {
        let time: Int64 = isShort ? 1_000 : 60_000
        table.noteUnshared(key, now: start, isShort: isShort)
        #expect(table.standing(of: key, now: later(time - 1)) == .unshared)
        #expect(join(flight(), at: later(time - 1)).isAlone(knownUnshared: true))
        #expect(refresh(flight(), at: later(time - 1)) == nil)
        #expect(table.standing(of: key, now: later(time)) == nil)
        let next = flight()
        #expect(join(next, at: later(time)).leads === next)
    }

    @Test("What was stored for others is shared again at once")
    func forgetUnshared() {
        table.noteUnshared(key, now: start, isShort: false)
        table.forgetUnshared(key)
        let next = flight()
        #expect(join(next).leads === next)
        // A flight is not what this forgets.
        table.forgetUnshared(key)
        #expect(join(nil).follows === next)
    }

    @Test("One refresh at a time; requests follow it")
    func oneRefresh() {
        let first = flight()
        #expect(refresh(first) === first)
        #expect(refresh(flight()) == nil)
        #expect(join(nil).follows === first)
        table.remove(first, under: key)
        let second = flight()
        #expect(refresh(second) === second)
    }

    @Test("After a refresh that failed the next one waits a second, and requests don't")
    func resting() {
        table.noteFailedRefresh(key, now: start)
        #expect(table.standing(of: key, now: start) == .resting)
        #expect(refresh(flight(), at: later(999)) == nil)
        let asked = flight()
        #expect(join(asked, at: later(1)).leads === asked)
        table.remove(asked, under: key)
        table.noteFailedRefresh(key, now: start)
        let next = flight()
        #expect(refresh(next, at: later(1_000)) === next)
    }

    @Test("A flight under way isn't replaced by notes")
    func notesYield() {
        let first = flight()
        _ = join(first)
        table.noteUnshared(key, now: start, isShort: false)
        table.noteFailedRefresh(key, now: start)
        #expect(table.standing(of: key, now: start) == .underWay)
        #expect(join(nil).follows === first)
    }

    @Test("A flight is found by its variant's own key and text too, unless another is under way there")
    func variants() {
        let variant = CacheKey(high: 7, low: 7)
        let first = flight()
        let other = flight(variant)
        func follow(_ text: [UInt8]) -> FlightRole {
            table.join(
                variant, keyText: text.span, worker: 0, mailbox: inbox.mailbox, now: start, asked: start,
                isOvertaken: { _ in false }, make: { nil })
        }
        table.add(first, under: variant, keyText: variantText)
        table.add(other, under: variant, keyText: variantText)
        table.remove(other, under: variant)
        #expect(follow(variantText).follows === first)
        #expect(follow(variantText + [0]).isAlone(knownUnshared: false))
        table.remove(first, under: variant)
        #expect(table.standing(of: variant, now: start) == nil)
    }

    // MARK: Landed, and on its way into a slow store

    @Test("What has landed is followed until the store has it, and by those that asked the store before that")
    func landed() throws {
        let first = flight()
        _ = join(first)
        first.land(FlightScene.response(body: [1]))
        var landing: AnyObject? = table.land(first, under: [key], at: start)
        #expect(landing != nil && table.standing(of: key, now: start) == .landed)
        #expect(join(flight()).follows === first)
        let before = MonotonicTime.now()
        landing = nil
        #expect(table.standing(of: key, now: start) == nil)
        #expect(join(flight(), asked: before).follows === first)
        // Whoever asks now has missed something else.
        let next = flight()
        let after = MonotonicTime.now().advanced(byMilliseconds: 1)
        #expect(join(next, asked: after).leads === next)
    }

    @Test("What has landed is no answer once an invalidation overtook it")
    func landedOvertaken() {
        let first = flight()
        _ = join(first)
        first.land(FlightScene.response(body: [1]))
        let landing = table.land(first, under: [key], at: start)
        let next = flight()
        #expect(join(next, isOvertaken: true).leads === next)
        withExtendedLifetime(landing) {}
    }

    @Test("A refresh of what has just landed begins for its own response alone")
    func refreshOfLanded() {
        let first = flight()
        let response = FlightScene.response(id: 5, body: [1])
        _ = join(first)
        first.land(response)
        let landing = table.land(first, under: [key], at: start)
        // The store still answered with an older one: that is renewed already.
        #expect(refresh(flight()) == nil)
        let next = flight()
        #expect(refresh(next, known: response) === next)
        withExtendedLifetime(landing) {}
    }

    @Test("A flight that was replaced doesn't land in its successor's place")
    func landsLate() {
        let old = flight()
        let new = flight()
        _ = join(old)
        _ = join(new, isOvertaken: true)
        old.land(FlightScene.response(body: [1]))
        let landing = table.land(old, under: [key], at: start)
        #expect(join(nil).follows === new)
        withExtendedLifetime(landing) {}
    }

    // MARK: Bounds

    @Test("Sweeping lets go of what is past its time, and of nothing else")
    func sweep() {
        let keys = (0..<4).map { CacheKey(high: 1, low: UInt64($0)) }
        let underWay = flight(keys[0])
        table.add(underWay, under: keys[0], keyText: variantText)
        table.noteUnshared(keys[1], now: start, isShort: false)
        table.noteUnshared(keys[2], now: start, isShort: true)
        let landed = flight(keys[3])
        table.add(landed, under: keys[3], keyText: variantText)
        let landing = table.land(landed, under: [keys[3]], at: start)
        func standings(_ now: MonotonicTime) -> [FlightStanding?] {
            table.sweep(now: now)
            // At the start's own time: only what was swept away is missing.
            return keys.map { table.standing(of: $0, now: start) }
        }
        #expect(standings(later(999)) == [.underWay, .unshared, .unshared, .landed])
        #expect(standings(later(1_000)) == [.underWay, .unshared, nil, .landed])
        #expect(standings(later(60_000)) == [.underWay, nil, nil, nil])
        withExtendedLifetime(landing) {}
    }

    @Test("Notes are bounded: the expired go first, then any, and flights under way never")
    func bounded() {
        let bound = 16 * 1024
        let underWay = flight()
        _ = join(underWay)
        for number in 0..<(bound + 5_000) {
            table.noteUnshared(CacheKey(high: 3, low: UInt64(number)), now: start, isShort: true)
        }
        #expect(table.counts.flights == 1)
        #expect(table.counts.unshared <= bound && table.counts.unshared > bound - 32)
        for number in 0..<16 {
            table.noteUnshared(CacheKey(high: 4, low: UInt64(number)), now: later(1_000), isShort: true)
        }
        #expect(table.counts.unshared == 16)
        #expect(table.standing(of: key, now: start) == .underWay)
    }
}

extension FlightRole {
    fileprivate var leads: Flight? { if case .lead(let flight) = self { flight } else { nil } }
    fileprivate var follows: Flight? { if case .follow(let flight) = self { flight } else { nil } }

    fileprivate func isAlone(knownUnshared: Bool) -> Bool {
        if case .alone(let isKnown) = self { isKnown == knownUnshared } else { false }
    }
}
