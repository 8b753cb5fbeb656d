// Positions in the stream of purges.

import CacheStorage
import Testing

@Suite("Positions of purges")
struct PurgePositionTests {
    private func read(_ text: String) -> PurgePosition? { PurgePosition(streamIdentifier: text.utf8.span) }

    @Test(
        "A stream's identifier is read and written", arguments: ["0-0", "0-1", "1732612345678-0", "1732612345678-42"])
    func identifiers(text: String) throws {
        let position = try #require(read(text))
        #expect(position.description == text)
        #expect(PurgePosition(word: position.word) == position)
    }

    @Test(
        "Anything else is no position",
        arguments: [
            "", "-", "1", "1-", "-1", "1-2-3", "1-x", " 1-2", "+1-2", "17592186044416-0", "99999999999999999999-0",
        ])
    func otherTexts(text: String) {
        #expect(read(text) == nil)
    }

    @Test("Positions are in the order of their identifiers")
    func order() {
        let texts = ["0-0", "0-1", "5-0", "5-7", "5-1048575", "6-0", "1732612345678-0", "1732612345679-0"]
        let positions = texts.compactMap { read($0) }
        #expect(positions.count == texts.count && positions == positions.sorted())
        #expect(Set(positions).count == texts.count)
        #expect(positions[0] == .start)
        // A sequence number beyond its bits is still later than those before it.
        #expect(read("5-1048575")! < read("5-1048576")!)
    }
}
