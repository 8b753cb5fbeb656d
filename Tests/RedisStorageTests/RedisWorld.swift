// A store on its own loop, which runs as far as a test needs it.

import CacheStorage
import EventLoop
import Foundation
import RedisStorage
import Testing

final class RedisWorld: StoreUnderTest {
    let loop = EventLoop(inputCapacity: 128 << 10)
    let redis: RedisStore
    let undelivered: UndeliveredRemovals
    var store: any RemoteStore { redis }
    var now: WallTime { WallTime(milliseconds: wallClockMilliseconds()) }

    /// - Parameter awaitsUp: whether to wait until the store serves.
    init(
        _ settings: RedisSettings, resolver: Resolver? = nil, site: StoreSite = .fixed, awaitsUp: Bool = true,
        budget: MemoryBudget = MemoryBudget(bytes: 1 << 30), liveRecords: LiveRecords = LiveRecords(),
        undelivered: UndeliveredRemovals = UndeliveredRemovals {}
    ) {
        self.undelivered = undelivered
        redis = RedisStore(
            loop: loop, settings: settings, resolver: resolver, site: site, budget: budget,
            liveRecords: liveRecords,
            undelivered: undelivered, purges: PurgeLog(), hearing: Hearing())
        if awaitsUp { work { self.isUp } }
    }

    convenience init(_ server: RedisServer, awaitsUp: Bool = true, change: (inout RedisSettings) -> Void = { _ in }) {
        var settings = RedisSettings(place: .unix(path: server.socketPath), prefix: "test:", timeoutMilliseconds: 250)
        // A busy machine must not look like a server that hangs.
        settings.timeoutMilliseconds = 20_000
        change(&settings)
        self.init(settings, awaitsUp: awaitsUp)
    }

    deinit {
        redis.close()
        // Closed sockets are freed at the end of a turn.
        let end = LoopTimer(loop: loop) { [loop] in loop.stop() }
        end.schedule(afterMilliseconds: 0)
        loop.run()
    }

    var isUp: Bool { if case .up = redis.state { true } else { false } }

    var trouble: StoreTrouble? {
        switch redis.state {
        case .up: nil
        case .down(let trouble, _), .limited(let trouble, _), .partial(let trouble, _): trouble
        }
    }

    func work(until isDone: () -> Bool) {
        let isInTime = work(atMost: 10_000, until: isDone)
        #expect(isInTime, "the condition was not reached; the store's state is \(redis.state)")
    }

    /// Runs turns of the loop until `isDone` or the time is over; returns whether it was done.
    func work(atMost milliseconds: Int64, until isDone: () -> Bool = { false }) -> Bool {
        let end = MonotonicTime.now().advanced(byMilliseconds: milliseconds)
        return withoutActuallyEscaping(isDone) { isDone in
            var done = isDone()
            var ticker: LoopTimer?
            ticker = LoopTimer(loop: loop) { [loop] in
                done = isDone()
                if done || MonotonicTime.now() >= end { loop.stop() } else { ticker?.schedule(afterMilliseconds: 1) }
            }
            ticker?.schedule(afterMilliseconds: 0)
            if !done { loop.run() }
            ticker = nil
            return done
        }
    }

    /// Waits until all writes have got their replies.
    func settle() {
        let collector = AnswerCollector()
        redis.remove([CacheKey(high: .max, low: .max)], receiver: collector, token: 0)
        work { !collector.removals.isEmpty && redis.uploads == 0 }
    }
}

extension CacheKey {
    var redisKey: String { "test:" + hex }
}
