import CacheStorage
import EventLoop
import HTTPSemantics
import Testing

@testable import Proxy

// Who leads, who follows and who goes alone, by what the table knows of a key at that time.

@Suite("RFC 9111 §4, collapsed requests: which fetches are under way")
struct FillTableTests {
    private let table = FillTable()
    private let inbox = Inbox()
    private let key = FeedScene.key
    private let variantText = Array("GET http://api.example/report|accept:json".utf8)
    private let start = MonotonicTime(milliseconds: 1_000_000)

    private func feed(
        _ key: CacheKey = FeedScene.key, text: [UInt8] = FeedScene.keyText, range: ByteRangeSpec? = nil,
        scope: FillScope = .whole
    ) -> FillFeed {
        FillFeed(key: key, keyText: text, range: range, scope: scope, began: .first, owner: inbox.mailbox)
    }

    private func later(_ milliseconds: Int64) -> MonotonicTime { start.advanced(byMilliseconds: milliseconds) }

    /// A request for the key that missed.
    private func join(
        _ feed: FillFeed?, at now: MonotonicTime? = nil, asked: MonotonicTime? = nil, hasReplied: Bool = true,
        isOvertaken: Bool = false, text: [UInt8] = FeedScene.keyText, range: ByteRangeSpec? = nil,
        mayReadWhole: Bool = true
    ) -> FillRole {
        table.join(
            key, range: range, mayReadWhole: mayReadWhole, keyText: text.span, worker: 0, mailbox: inbox.mailbox,
            now: now ?? start,
            asked: asked ?? MonotonicTime(milliseconds: .max), hasReplied: hasReplied,
            isOvertaken: { _ in isOvertaken }, make: { feed })
    }

    /// A background refresh of the key that would begin.
    private func refresh(
        _ feed: FillFeed, at now: MonotonicTime? = nil, asked: MonotonicTime? = nil, known: StoredResponse? = nil
    ) -> FillFeed? {
        table.beginRefresh(
            key, now: now ?? start, asked: asked ?? MonotonicTime(milliseconds: .max),
            known: known ?? FeedScene.response(id: 99, body: []), make: { feed })
    }

    @Test("The first leads, the next follow it, and after it is over another leads")
    func leads() {
        let first = feed()
        #expect(join(first).begins === first)
        #expect(join(feed()).reads === first && join(nil).reads === first)
        #expect(first.readers == 2)
        table.remove(first, under: key)
        let second = feed()
        #expect(join(second).begins === second)
    }

    @Test("Who can't lead and finds nothing to follow goes alone, and leaves nothing behind")
    func cannotLead() {
        #expect(join(nil).isAlone(hitForMiss: false))
        #expect(table.counts.fills == 0)
    }

    @Test(
        "A fetch that an invalidation overtook isn't followed: the request leads a new one, which stays when the old one ends"
    )
    func overtaken() {
        let old = feed()
        let new = feed()
        _ = join(old)
        #expect(join(new, isOvertaken: true).begins === new)
        table.remove(old, under: key)
        #expect(join(nil).reads === new)
    }

    @Test("A fetch that can't be followed any more gives way to a new one")
    func over() {
        let failed = feed()
        _ = join(failed)
        failed.fail(.refused)
        let next = feed()
        #expect(join(next).begins === next)
    }

    @Test("Another text with the same digest goes by itself")
    func collision() {
        let first = feed()
        _ = join(first)
        #expect(join(feed(), text: Array("GET http://other/".utf8)).isAlone(hitForMiss: false))
        #expect(join(nil).reads === first)
    }

    @Test(
        "What can't be shared is known for a minute, after a failure of the origin for a second",
        arguments: [false, true])
    func unshared(isShort: Bool) {
        let time: Int64 = isShort ? 1_000 : 60_000
        table.noteHitForMiss(key, now: start, isShort: isShort)
        #expect(table.standing(of: key, now: later(time - 1)) == .hitForMiss)
        #expect(join(feed(), at: later(time - 1)).isAlone(hitForMiss: true))
        #expect(refresh(feed(), at: later(time - 1)) == nil)
        #expect(table.standing(of: key, now: later(time)) == nil)
        let next = feed()
        #expect(join(next, at: later(time)).begins === next)
    }

    @Test("What was stored for others is shared again at once")
    func forgetHitForMiss() {
        table.noteHitForMiss(key, now: start, isShort: false)
        table.forgetHitForMiss(key)
        let next = feed()
        #expect(join(next).begins === next)
        // A feed is not what this forgets.
        table.forgetHitForMiss(key)
        #expect(join(nil).reads === next)
    }

    @Test("One refresh at a time; requests follow it")
    func oneRefresh() {
        let first = feed()
        #expect(refresh(first) === first)
        #expect(refresh(feed()) == nil)
        #expect(join(nil).reads === first)
        table.remove(first, under: key)
        let second = feed()
        #expect(refresh(second) === second)
    }

    @Test("After a refresh that failed the next one waits a second, and requests don't")
    func resting() {
        table.noteFailedRefresh(key, now: start)
        #expect(table.standing(of: key, now: start) == .refreshFailed)
        #expect(refresh(feed(), at: later(999)) == nil)
        let asked = feed()
        #expect(join(asked, at: later(1)).begins === asked)
        table.remove(asked, under: key)
        table.noteFailedRefresh(key, now: start)
        let next = feed()
        #expect(refresh(next, at: later(1_000)) === next)
    }

    @Test("A feed under way isn't replaced by notes")
    func notesYield() {
        let first = feed()
        _ = join(first)
        table.noteHitForMiss(key, now: start, isShort: false)
        table.noteFailedRefresh(key, now: start)
        #expect(table.standing(of: key, now: start) == .underWay)
        #expect(join(nil).reads === first)
    }

    @Test("A feed is found by its variant's own key and text too, unless another is under way there")
    func variants() {
        let variant = CacheKey(high: 7, low: 7)
        let first = feed()
        let other = feed(variant)
        func follow(_ text: [UInt8]) -> FillRole {
            table.join(
                variant, keyText: text.span, worker: 0, mailbox: inbox.mailbox, now: start, asked: start,
                isOvertaken: { _ in false }, make: { nil })
        }
        table.add(first, under: variant, keyText: variantText)
        table.add(other, under: variant, keyText: variantText)
        table.remove(other, under: variant)
        #expect(follow(variantText).reads === first)
        #expect(follow(variantText + [0]).isAlone(hitForMiss: false))
        table.remove(first, under: variant)
        #expect(table.standing(of: variant, now: start) == nil)
    }

    // MARK: Landed, and on its way into a slow store

    @Test("What has landed is followed until the store has it, and by those that asked the store before that")
    func landed() throws {
        let first = feed()
        _ = join(first)
        first.complete(with: FeedScene.response(body: [1]))
        var landing: AnyObject? = table.complete(first, under: [key], at: start)
        #expect(landing != nil && table.standing(of: key, now: start) == .completed)
        #expect(join(feed()).reads === first)
        let before = MonotonicTime.now()
        landing = nil
        #expect(table.standing(of: key, now: start) == nil)
        #expect(join(feed(), asked: before).reads === first)
        // Whoever asks now has missed something else.
        let next = feed()
        let after = MonotonicTime.now().advanced(byMilliseconds: 1)
        #expect(join(next, asked: after).begins === next)
    }

    @Test("What is too large to be kept once the store has it: those that asked before that ask again, once")
    func lookAgain() throws {
        let first = feed()
        _ = join(first)
        first.complete(with: FeedScene.response(body: [UInt8](repeating: 1, count: 10_000)))
        var landing: AnyObject? = table.complete(first, under: [key], at: start)
        #expect(landing != nil && join(feed()).reads === first)
        let before = MonotonicTime.now()
        landing = nil
        guard case .lookAgain = join(feed(), asked: before) else {
            Issue.record("doesn't look again")
            return
        }
        #expect(refresh(feed(), asked: before) == nil)
        let next = feed()
        let after = MonotonicTime.now().advanced(byMilliseconds: 1)
        #expect(join(next, asked: after).begins === next)
        table.remove(next, under: key)
        #expect(table.counts.fills == 0)
    }

    @Test("A store that hasn't replied is not asked again for what was stored meanwhile: the next fill begins")
    func lookAgainInVain() throws {
        let first = feed()
        _ = join(first)
        first.complete(with: FeedScene.response(body: [UInt8](repeating: 1, count: 10_000)))
        var landing: AnyObject? = table.complete(first, under: [key], at: start)
        #expect(landing != nil)
        let before = MonotonicTime.now()
        landing = nil
        let next = feed()
        #expect(join(next, asked: before, hasReplied: false).begins === next)
    }

    @Test("What has landed is no answer once an invalidation overtook it")
    func landedOvertaken() {
        let first = feed()
        _ = join(first)
        first.complete(with: FeedScene.response(body: [1]))
        let landing = table.complete(first, under: [key], at: start)
        let next = feed()
        #expect(join(next, isOvertaken: true).begins === next)
        withExtendedLifetime(landing) {}
    }

    @Test("A refresh of what has just landed begins for its own response alone")
    func refreshOfLanded() {
        let first = feed()
        let response = FeedScene.response(id: 5, body: [1])
        _ = join(first)
        first.complete(with: response)
        let landing = table.complete(first, under: [key], at: start)
        // The store still answered with an older one: that is renewed already.
        #expect(refresh(feed()) == nil)
        let next = feed()
        #expect(refresh(next, known: response) === next)
        withExtendedLifetime(landing) {}
    }

    @Test("A feed that was replaced doesn't land in its successor's place")
    func landsLate() {
        let old = feed()
        let new = feed()
        _ = join(old)
        _ = join(new, isOvertaken: true)
        old.complete(with: FeedScene.response(body: [1]))
        let landing = table.complete(old, under: [key], at: start)
        #expect(join(nil).reads === new)
        withExtendedLifetime(landing) {}
    }

    // MARK: Ranges

    private let part = ByteRangeSpec.between(2, 5)
    private func partFeed() -> FillFeed { feed(range: part, scope: .range(part)) }

    @Test("A range is found by those that ask for the same, and by no others")
    func range() {
        let own = partFeed()
        #expect(join(own, range: part).begins === own && join(nil, range: part).reads === own)
        #expect(join(nil).isAlone(hitForMiss: false) && join(nil, range: .from(2)).isAlone(hitForMiss: false))
        // One for the whole is read by all that find nothing of their own.
        let whole = feed()
        #expect(join(whole).begins === whole)
        #expect(join(nil, range: .from(2)).reads === whole && join(nil, range: part).reads === own)
        #expect(join(nil, range: .from(2), mayReadWhole: false).isAlone(hitForMiss: false))
        table.remove(own, under: key)
        #expect(join(nil, range: part).reads === whole)
    }

    @Test("All of it, asked for as a range, is found by those that ask for the whole until it turns out to be a part")
    func narrowed() {
        let first = feed(range: .from(0))
        #expect(join(first, range: .from(0)).begins === first)
        #expect(join(nil).reads === first && join(nil, range: part).reads === first)
        table.narrow(first, under: [key])
        #expect(join(nil, range: .from(0)).reads === first)
        #expect(join(nil).isAlone(hitForMiss: false) && join(nil, range: part).isAlone(hitForMiss: false))
        table.remove(first, under: key)
        #expect(table.counts.fills == 0)
    }

    @Test(
        "A range that turns out to be all of it is found by those that ask for the whole, unless they have one already")
    func widened() {
        let own = partFeed()
        _ = join(own, range: part)
        table.widen(own)
        #expect(join(nil).reads === own)
        table.remove(own, under: key)
        let (whole, other) = (feed(), partFeed())
        _ = (join(whole), join(other, range: part, mayReadWhole: false))
        table.widen(other)
        #expect(join(nil).reads === whole)
        table.remove(other, under: key)
        #expect(join(nil).reads === whole)
    }

    @Test("That ranges can't be shared says nothing of the whole, and a fill that is under way is read all the same")
    func rangeNotes() {
        table.noteHitForMiss(key, of: .ranges, now: start, isShort: false)
        #expect(join(partFeed(), range: part).isAlone(hitForMiss: true))
        let whole = feed()
        #expect(join(whole).begins === whole && join(nil, range: part).reads === whole)
        table.remove(whole, under: key)
        table.forgetHitForMiss(key)
        let own = partFeed()
        #expect(join(own, range: part).begins === own)
        table.remove(own, under: key)
        // What is known of the whole is known of its ranges.
        table.noteHitForMiss(key, now: start, isShort: false)
        #expect(join(partFeed(), range: part).isAlone(hitForMiss: true))
    }

    @Test("A part that is on its way into a slow store is found by those that ask for it")
    func partLanding() {
        let own = partFeed()
        _ = join(own, range: part)
        own.complete(with: FeedScene.response(body: [1]))
        var landing: AnyObject? = table.complete(own, under: [key], at: start)
        #expect(landing != nil && join(nil, range: part).reads === own && join(nil).isAlone(hitForMiss: false))
        landing = nil
        // Whoever asks the store from then on is answered by that.
        #expect(
            join(nil, asked: MonotonicTime.now().advanced(byMilliseconds: 1_000), range: part).isAlone(
                hitForMiss: false))
    }

    // MARK: Bounds

    @Test("Sweeping lets go of what is past its time, and of nothing else")
    func sweep() {
        let keys = (0..<4).map { CacheKey(high: 1, low: UInt64($0)) }
        let underWay = feed(keys[0])
        table.add(underWay, under: keys[0], keyText: variantText)
        table.noteHitForMiss(keys[1], now: start, isShort: false)
        table.noteHitForMiss(keys[2], now: start, isShort: true)
        let completed = feed(keys[3])
        table.add(completed, under: keys[3], keyText: variantText)
        let landing = table.complete(completed, under: [keys[3]], at: start)
        func standings(_ now: MonotonicTime) -> [FillStanding?] {
            table.sweep(now: now)
            // At the start's own time: only what was swept away is missing.
            return keys.map { table.standing(of: $0, now: start) }
        }
        #expect(standings(later(999)) == [.underWay, .hitForMiss, .hitForMiss, .completed])
        #expect(standings(later(1_000)) == [.underWay, .hitForMiss, nil, .completed])
        #expect(standings(later(60_000)) == [.underWay, nil, nil, nil])
        withExtendedLifetime(landing) {}
    }

    @Test("Notes are bounded: the expired go first, then any, and flights under way never")
    func bounded() {
        let bound = 16 * 1024
        let underWay = feed()
        _ = join(underWay)
        for number in 0..<(bound + 5_000) {
            table.noteHitForMiss(CacheKey(high: 3, low: UInt64(number)), now: start, isShort: true)
        }
        #expect(table.counts.fills == 1)
        #expect(table.counts.hitForMiss <= bound && table.counts.hitForMiss > bound - 32)
        for number in 0..<16 {
            table.noteHitForMiss(CacheKey(high: 4, low: UInt64(number)), now: later(1_000), isShort: true)
        }
        #expect(table.counts.hitForMiss == 16)
        #expect(table.standing(of: key, now: start) == .underWay)
    }
}

extension FillRole {
    fileprivate var begins: FillFeed? { if case .begin(let feed) = self { feed } else { nil } }
    fileprivate var reads: FillFeed? { if case .read(let feed, _) = self { feed } else { nil } }

    fileprivate func isAlone(hitForMiss: Bool) -> Bool {
        if case .alone(let isKnown) = self { isKnown == hitForMiss } else { false }
    }
}
