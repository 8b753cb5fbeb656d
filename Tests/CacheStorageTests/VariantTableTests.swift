import Testing

@testable import CacheStorage

// Which variant is deleted when the limit is exceeded.

@Suite("RFC 9111 §4.1: how many variants are kept of one key")
struct VariantTableTests {
    private let table = VariantTable()

    private func key(_ number: Int) -> CacheKey { CacheKey(high: 9, low: UInt64(number)) }

    @Test("Up to the limit nothing is deleted; then the variant that was stored longest ago", arguments: [1, 2, 64])
    func oldest(limit: Int) {
        for number in 0..<limit { #expect(table.note(key(number), of: 1, limit: limit) == nil) }
        #expect(table.note(key(limit), of: 1, limit: limit) == key(0))
        #expect(table.note(key(limit + 1), of: 1, limit: limit) == key(1))
    }

    @Test("A variant that is stored again counts once, and becomes the newest")
    func again() {
        for number in 0..<3 { _ = table.note(key(number), of: 1, limit: 3) }
        #expect(table.note(key(0), of: 1, limit: 3) == nil)
        #expect(table.note(key(3), of: 1, limit: 3) == key(1))
        #expect(table.note(key(4), of: 1, limit: 3) == key(2))
        #expect(table.note(key(5), of: 1, limit: 3) == key(0))
    }

    @Test("Generations are independent of each other")
    func generations() {
        #expect(table.note(key(0), of: 1, limit: 1) == nil)
        #expect(table.note(key(1), of: 2, limit: 1) == nil)
        #expect(table.note(key(2), of: 2, limit: 1) == key(1))
        #expect(table.note(key(3), of: 1, limit: 1) == key(0))
    }

    @Test("When there are too many generations the oldest is forgotten, and starts over")
    func forgets() {
        _ = table.note(key(0), of: 0, limit: 1)
        for generation in 1...8_192 { _ = table.note(key(generation), of: UInt64(generation), limit: 1) }
        #expect(table.note(key(1), of: 0, limit: 1) == nil)
        #expect(table.note(key(2), of: 0, limit: 1) == key(1))
        #expect(table.note(key(3), of: 8_192, limit: 1) == key(8_192))
    }
}
