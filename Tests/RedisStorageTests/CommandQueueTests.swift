import CacheStorage
import Testing

@testable import RedisStorage

@Suite("Redis connection: the queue of commands")
struct CommandQueueTests {
    @Test("Commands are removed in the order in which they were appended, whatever the ring's size")
    func order() {
        var queue = CommandQueue()
        var next: UInt64 = 0
        for tag in 0..<1000 as Range<UInt64> {
            queue.append(PendingCommand(tag: tag))
            if tag % 3 == 0 {
                #expect(queue.popFirst()?.tag == next)
                next += 1
            }
        }
        while let command = queue.popFirst() {
            #expect(command.tag == next)
            next += 1
        }
        #expect(next == 1000)
        #expect(queue.isEmpty)
    }

    @Test("An abandoned command keeps its place, releases its references, and is abandoned once")
    func abandons() {
        final class Subject {}
        var queue = CommandQueue()
        weak var held: Subject?
        do {
            let subject = Subject()
            held = subject
            queue.append(PendingCommand(tag: 1, subject: subject))
        }
        queue.append(PendingCommand(tag: 2))
        #expect(held != nil)
        #expect(queue.abandon(at: 0)?.tag == 1)
        #expect(held == nil)
        #expect(queue.abandon(at: 0) == nil)
        #expect(queue.count == 2)
        #expect(queue.popFirst()?.isAbandoned == true)
        #expect(queue.popFirst()?.isAbandoned == false)
    }
}

@Suite("Redis store: the table of lookups")
struct LookupTableTests {
    private func lookup(_ token: UInt64) -> PendingLookup {
        PendingLookup(key: CacheKey(high: 0, low: 0), now: WallTime(milliseconds: 0), token: token, receiver: nil)
    }

    @Test("A ticket finds its lookup until that is removed, and nothing after its slot was reused")
    func tickets() {
        var table = LookupTable()
        let first = table.insert(lookup(1))
        let second = table.insert(lookup(2))
        #expect(table[first]?.token == 1)
        #expect(table.remove(first)?.token == 1)
        #expect(table.remove(first) == nil)
        let third = table.insert(lookup(3))
        #expect(table[first] == nil)
        #expect(table[third]?.token == 3)
        #expect(table[second]?.token == 2)
        #expect(first != third && third < 1 << 63)
    }
}
