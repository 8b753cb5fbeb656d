// Purges as entries of the stream.

import CacheStorage
import Testing

@Suite("Purges in the stream")
struct PurgeTests {
    private static let digest = CacheKey(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210)

    private func read(_ entry: [String]) -> Purge { Purge(entry: entry.map { Array($0.utf8) }) }

    @Test(
        "What is written is read",
        arguments: [
            Purge([.tag(Array("product-7".utf8))]),
            Purge([.tag(Array("a b, c".utf8)), .tag(Array("d".utf8))], isSoft: true),
            Purge([.url(digest), .key(digest)]),
            Purge([.prefix(Array("https://h/x/".utf8)), .prefix(Array("/x?a".utf8)), .host(Array("h:81".utf8))]),
            Purge([.group(origin: Array("https://h".utf8), name: Array("one two".utf8))], isSoft: true),
            Purge([.everything]),
        ])
    func roundTrip(purge: Purge) {
        #expect(Purge(entry: purge.entry) == purge)
    }

    @Test("An application's entry is read")
    func applications() {
        #expect(read(["t", "product-7"]) == Purge([.tag(Array("product-7".utf8))]))
        #expect(read(["e", "1", "s", "1"]) == Purge([.everything], isSoft: true))
        #expect(read(["u", "0123456789ABCDEFFEDCBA9876543210"]) == Purge([.url(Self.digest)]))
        #expect(read(["s", "0", "h", "api.example"]) == Purge([.host(Array("api.example".utf8))]))
    }

    @Test(
        "What isn't understood is a hard purge of everything",
        arguments: [
            [], ["t"], ["t", ""], ["tag", "x"], ["x", "1"], ["t", "a", "x", "1"], ["s", "1"], ["s", "2", "t", "a"],
            ["e", "yes"], ["u", "12"], ["u", String(repeating: "g", count: 32)], ["k", ""], ["h", ""], ["p", ""],
            ["p", "api.example/x"], ["p", "http://"], ["g", "news"], ["g", "h news"], ["t", "a", "s"], ["", ""],
        ])
    func others(entry: [String]) {
        #expect(read(entry) == .everything)
    }
}
