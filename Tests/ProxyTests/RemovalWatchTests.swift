import CacheStorage
import Testing

@testable import Proxy

@Suite("What is told of invalidations that Redis couldn't take")
struct RemovalWatchTests {
    private func texts(_ figures: [UndeliveredFigures]) -> [[String]] {
        var watch = RemovalWatch()
        return figures.map { watch.lines($0).map { "\($0.level.rawValue) \($0.text)" } }
    }

    @Test("One line when some begin to wait, and one when none waits any more, however many there are")
    func waiting() {
        #expect(
            texts([
                UndeliveredFigures(), UndeliveredFigures(waiting: 2, kept: 2),
                UndeliveredFigures(waiting: 900, kept: 900),
                UndeliveredFigures(waiting: 388, kept: 900), UndeliveredFigures(waiting: 0, kept: 900),
                UndeliveredFigures(waiting: 0, kept: 900), UndeliveredFigures(waiting: 1, kept: 901),
            ]) == [
                [], ["warning invalidations wait until Redis takes them (2 so far)"], [], [],
                ["notice no invalidation waits for Redis any more (900 waited)"], [],
                ["warning invalidations wait until Redis takes them (1 so far)"],
            ])
    }

    @Test("Those that are over within a second are told as well, and those that a new master gets once more")
    func short() {
        #expect(
            texts([UndeliveredFigures(waiting: 0, kept: 3, repeated: 4)]) == [
                [
                    "warning invalidations wait until Redis takes them (7 so far)",
                    "notice no invalidation waits for Redis any more (7 waited)",
                ]
            ])
    }

    @Test("What Redis refuses for good is told with the reason, and that there were too many")
    func lost() {
        #expect(
            texts([
                UndeliveredFigures(lost: 1, refused: 1, refusal: .notPermitted),
                UndeliveredFigures(lost: 1, refused: 1, refusal: .notPermitted),
                UndeliveredFigures(lost: 1, refused: 1, folded: 1),
            ]) == [
                [
                    "error Redis refused 1 invalidation for good: the store's user lacks permission for the required commands; other instances may serve old responses"
                ], [],
                ["error more invalidations wait for Redis than can be kept: everything stored is purged instead"],
            ])
    }
}
