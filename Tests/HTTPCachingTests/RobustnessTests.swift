import HTTPSemantics
import TestRandomness
import Testing

@testable import HTTPCaching

@Suite("Any bytes")
struct RobustnessTests {
    @Test("No bytes trap", .tags(.choice))
    func anyBytes() {
        var generator = SeededGenerator(seed: 7)
        let alphabet = Array("max-age=60,\"\\ no-store;?1:@%()*/W\t\u{0}é".utf8)
        for _ in 0..<1_000 {
            let text = (0..<Int.random(in: 0..<24, using: &generator)).map { _ in
                alphabet.randomElement(using: &generator)!
            }
            for field in FieldName.allCases {
                var stored = ResponseFacts(status: Status(200), responseTime: arrival)
                stored.note(field, text.span)
                var asked = RequestFacts(method: .get)
                asked.note(field, text.span)
            }
            var walker = EntityTagWalker()
            while walker.next(in: text.span) != nil {}
            var key: [UInt8] = []
            let accept = Array("accept".utf8)
            var variant = VariantKey(field: accept.span, into: &key)
            variant.add(text.span, into: &key)
            variant.end(into: &key)
            _ = MediaTypeRules(["*/*", "a*=/*-*"]).allows(text.span)
            let path = Array("/a".utf8)
            _ = InvalidatedReference.appendPath(
                of: text.span, scheme: path.span, authority: path.span, path: path.span, into: &key)
        }
    }

    @Test("Every field is found by its name in any case", .tags(.must))
    func names() {
        for field in FieldName.allCases where field != .other {
            let name = Array("\(field.text)".uppercased().utf8)
            let found = FieldName.recognise(name.span)
            #expect(found == field)
        }
        let unknown = Array("x-unknown".utf8)
        let found = FieldName.recognise(unknown.span)
        #expect(found == .other)
    }
}
