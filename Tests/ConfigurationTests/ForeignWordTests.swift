import Testing

@testable import Configuration
@testable import ConfigurationReader

@Suite("Words of other products")
struct ForeignWordTests {
    private static let lists =
        ForeignWords.byLevel.map { ($0.key, $0.value) } + [("every level", ForeignWords.everywhere)]

    @Test("every word gets a sentence, and every key in it can be written")
    func sentences() {
        for (level, list) in Self.lists {
            for word in list {
                for text in word.words {
                    let isAnywhere = level == "every level"
                    let hint = ForeignWords.hint(for: text, at: isAnywhere ? nil : level, from: "routes.*.cache")
                    #expect(hint?.isEmpty == false, "\(text) at \(level)")
                }
                #expect(word.otherwise != nil || word.keys.contains { KeyDescription.named($0) != nil })
            }
        }
    }

    @Test("no word stands twice at one level")
    func once() {
        for (level, list) in Self.lists {
            let words = list.flatMap(\.words)
            #expect(
                words.count == Set(words).count, "\(level): \(words.filter { word in words.count { $0 == word } > 1 })")
        }
    }

    @Test("the levels are mappings that the file has")
    func levels() {
        for level in ForeignWords.byLevel.keys { #expect(!KeyDescription.names(below: level).isEmpty, "\(level)") }
    }
}
