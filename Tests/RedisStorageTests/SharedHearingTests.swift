// Several trackers that hear as one.

import CacheStorage
import Testing

@testable import RedisStorage

@Suite("Redis Cluster: hearing of changes at all masters")
struct SharedHearingTests {
    /// What the copies in memory are told.
    private final class Told: HearingPart {
        var mode = HearingMode.none
        var sessions = 0
        var isSession = false
        var server: UInt64 = 0
        var life = WallTime(milliseconds: 0)

        func set(_ mode: HearingMode, grace: Int64) { (self.mode, isSession) = (mode, false) }

        func beginSession(asked: WallTime, server: UInt64) {
            (mode, isSession, life, self.server) = (.hearing, true, asked, server)
            sessions += 1
        }

        func noteLife(asked: WallTime) { life = max(life, asked) }
        func lose() { mode = .connecting }
    }

    private let told = Told()
    private let hearing: SharedHearing
    private let one: SharedHearing.Part
    private let two: SharedHearing.Part

    init() {
        hearing = SharedHearing(told, grace: 1000)
        (one, two) = (hearing.makePart(), hearing.makePart())
        hearing.set([one, two], number: 1)
    }

    private func time(_ milliseconds: Int64) -> WallTime { WallTime(milliseconds: milliseconds) }

    private func hear() {
        one.beginSession(asked: time(100), server: 0)
        two.beginSession(asked: time(200), server: 0)
    }

    @Test("A session begins when all hear; the oldest of their signs of life counts")
    func all() {
        #expect(told.mode == .connecting)
        one.beginSession(asked: time(100), server: 0)
        one.noteLife(asked: time(150))
        #expect(!told.isSession)
        two.beginSession(asked: time(120), server: 0)
        #expect(told.isSession && told.sessions == 1 && told.server == 1 && told.life == time(120))
        one.noteLife(asked: time(400))
        #expect(told.life == time(120))
        two.noteLife(asked: time(300))
        #expect(told.life == time(300))
    }

    @Test("One is lost: no newer sign of life until it is back, and then another session")
    func lost() {
        hear()
        one.lose()
        two.noteLife(asked: time(900))
        #expect(told.mode == .connecting && told.isSession && told.life == time(100))
        two.beginSession(asked: time(1000), server: 0)
        #expect(told.sessions == 1)
        one.beginSession(asked: time(1100), server: 0)
        #expect(told.sessions == 2 && told.life == time(1000))
    }

    @Test("Other masters: the session ends at once, and another one begins when all of them hear")
    func moved() {
        hear()
        let three = hearing.makePart()
        hearing.set([two, three], number: 2)
        #expect(!told.isSession && told.mode == .connecting)
        one.beginSession(asked: time(300), server: 0)
        one.lose()
        #expect(!told.isSession)
        three.beginSession(asked: time(400), server: 0)
        #expect(told.isSession && told.server == 2 && told.life == time(200))
        // Slots move between the same masters.
        hearing.set([two, three], number: 3)
        #expect(told.isSession && told.sessions == 3 && told.server == 3)
    }

    @Test("One refuses to tell: so do all of them")
    func refused() {
        hear()
        two.set(.refused, grace: 1000)
        #expect(told.mode == .refused && !told.isSession)
        one.noteLife(asked: time(900))
        two.beginSession(asked: time(1000), server: 0)
        #expect(told.mode == .hearing && told.sessions == 2)
    }

    @Test("What one forgets begins another session only while one lasts")
    func forgets() {
        let stores = SharedStores(memoryBytes: 1 << 20)
        stores.hearing.set(.connecting, grace: 1000)
        stores.forgetAll()
        #expect(stores.hearing.mark.session == 0)
        stores.hearing.beginSession(asked: time(1))
        let before = stores.hearing.mark.session
        stores.forgetAll()
        #expect(stores.hearing.mark.session != 0 && stores.hearing.mark.session != before)
    }
}
