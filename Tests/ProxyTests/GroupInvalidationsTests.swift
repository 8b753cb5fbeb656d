import HTTPCaching
import Testing

@testable import Proxy

// When a name was invalidated, exactly while that is remembered and carefully when it isn't.

@Suite("RFC 9875 §3: when groups and tags were invalidated")
struct GroupInvalidationsTests {
    private let invalidations = GroupInvalidations()

    private func name(_ text: String) -> [UInt8] { Array(text.utf8) }

    private func covers(_ text: String, _ time: Int64) -> Bool {
        invalidations.covers(name(text), requestedAt: Instant(milliseconds: time))
    }

    @Test("At first nothing is invalidated")
    func empty() { #expect(invalidations.isEmpty && !covers("a", .min + 1) && !covers("a", 0)) }

    @Test(
        "What was requested up to the moment of the invalidation is covered, what came later isn't, nor is another name"
    )
    func moment() {
        invalidations.note(name("a"), at: 1_000)
        #expect(!invalidations.isEmpty)
        #expect(covers("a", 999) && covers("a", 1_000) && !covers("a", 1_001))
        #expect(!covers("b", 999) && !covers("", 999) && !covers("aa", 999))
    }

    @Test(
        "Of two invalidations the later counts, in whichever order they are noted",
        arguments: [[1_000, 2_000], [2_000, 1_000]])
    func later(times: [Int64]) {
        for time in times { invalidations.note(name("a"), at: time) }
        #expect(covers("a", 2_000) && !covers("a", 2_001))
    }

    @Test("When one is forgotten, what was requested before it counts as invalidated, whatever its name")
    func horizon() {
        for number in 0..<16_384 { invalidations.note(name("\(number)"), at: Int64(number)) }
        #expect(!covers("other", 0) && covers("0", 0) && !covers("0", 1))
        for number in 0..<100 { invalidations.note(name("more \(number)"), at: 50_000) }
        #expect(covers("other", 99) && !covers("other", 100))
        #expect(covers("100", 100) && !covers("100", 101) && covers("more 0", 50_000))
    }

    private func group(_ name: String, _ scheme: String = "http", _ authority: String = "api.example") -> [UInt8] {
        GroupName.group(name.utf8.span, scheme: scheme.utf8.span, authority: authority.utf8.span)
    }

    private func tag(_ name: String) -> [UInt8] { GroupName.tag(name.utf8.span) }

    @Test("A group is one origin's: its scheme and its authority, in which case doesn't count, are part of its name")
    func groups() {
        let own = group("news")
        #expect(own == group("news", "http", "API.Example"))
        #expect(own != group("News"))
        #expect(own != group("news", "https"))
        #expect(own != group("news", "http", "api.example:8080"))
    }

    @Test("No tag has the name of a group, nor another tag's")
    func tags() {
        #expect(tag("news") != group("news"))
        #expect(tag("ghttp api.example news") != group("news"))
        #expect(tag("a") != tag("A"))
    }
}
