import CacheStorage
import EventLoop
import Glibc
import Testing

@testable import Proxy

@Suite("What is told of the store")
struct StoreWatchTests {
    private let since = WallTime(milliseconds: 0)

    /// What the log says of these changes, each by one worker.
    private func lines(_ changes: [(Int, StoreState)], errors: [String] = []) throws -> [String] {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        let log = EventLog(level: .info, isJournal: true, descriptor: ends[1])
        let watch = StoreWatch(log: log)
        for (second, (worker, state)) in changes.enumerated() {
            let now = MonotonicTime(milliseconds: Int64(second) * 20_000)
            log.writeHeldBack(now: now)
            watch.note(state, worker: worker, place: "here:6379", now: now)
        }
        for error in errors { watch.note(unknownError: error, place: "here:6379") }
        log.write(.info, "end")
        log.drain()
        var bytes = [UInt8](repeating: 0, count: 16 << 10)
        let count = read(ends[0], &bytes, bytes.count)
        return String(decoding: bytes[..<max(0, count)], as: UTF8.self).split(separator: "\n").map(String.init)
            .dropLast()
    }

    @Test("It is down with the first worker that says so, and up with the last, each told once")
    func once() throws {
        let lines = try lines([
            (0, .up(since: since)), (1, .up(since: since)), (0, .down(.connectionLost, since: since)),
            (1, .down(.connectionLost, since: since)), (0, .down(.connectFailed, since: since)), (0, .up(since: since)),
            (1, .up(since: since)),
        ])
        #expect(
            lines == [
                "<5>the store is up (Redis at here:6379)",
                "<4>the store is down, its lookups count as misses: the connection was lost (Redis at here:6379)",
                "<5>the store is up after 80 s (Redis at here:6379)",
            ])
    }

    @Test("Writes that are refused are told, and what a closed connection was is forgotten")
    func limited() throws {
        let lines = try lines([
            (0, .down(.connecting, since: since)), (0, .up(since: since)), (0, .limited(.readOnly, since: since)),
            (1, .up(since: since)), (0, .down(.closed, since: since)), (1, .down(.closed, since: since)),
            (0, .down(.connecting, since: since)), (0, .up(since: since)),
        ])
        #expect(
            lines.map { $0.prefix(34) } == [
                "<5>the store is up (Redis at here:", "<4>the store takes no writes: the ",
                "<5>the store is up (Redis at here:",
            ])
    }

    @Test("An error that isn't known is told once for all workers, and of many only the first ones")
    func unknownErrors() throws {
        #expect(
            try lines([], errors: ["ERR a", "ERR b", "ERR a"]) == [
                "<4>Redis at here:6379 replied with an unknown error: ERR a",
                "<4>Redis at here:6379 replied with an unknown error: ERR b",
            ])
        #expect(try lines([], errors: (0..<100).map { "ERR \($0)" }).count == 32)
    }
}
