// Several trackers, each of which hears of the changes at one server, as one: copies are used while all of them hear. A session
// ends with that of any of them, and when other servers have the keys.

import CacheStorage

/// Used on the trackers' thread.
final class SharedHearing {
    /// What one tracker says.
    final class Part: HearingPart {
        fileprivate private(set) var mode = HearingMode.connecting
        /// When its newest sign of life was asked for; nil before the first.
        fileprivate private(set) var life: WallTime?
        private weak var whole: SharedHearing?

        fileprivate init(of whole: SharedHearing) { self.whole = whole }

        func set(_ mode: HearingMode, grace: Int64) {
            self.mode = mode
            life = nil
            whole?.end()
        }

        func beginSession(asked: WallTime, server: UInt64) {
            mode = .hearing
            life = asked
            whole?.beginIfAllHear()
        }

        func noteLife(asked: WallTime) {
            life = life.map { max($0, asked) } ?? asked
            whole?.noteLife()
        }

        func lose() {
            mode = .connecting
            whole?.lose(self)
        }
    }

    private let hearing: any HearingPart
    private let grace: Int64
    private var parts: [Part] = []
    /// Of the servers that have the keys now.
    private var number: UInt64 = 0

    /// - Parameter grace: `store.grace` in milliseconds; more than 0.
    init(_ hearing: any HearingPart, grace: Int64) {
        self.hearing = hearing
        self.grace = grace
        hearing.set(.connecting, grace: grace)
    }

    func makePart() -> Part { Part(of: self) }

    /// From now on these are all parts that there are.
    /// - Parameter number: tells the servers from those that had the keys before.
    func set(_ parts: [Part], number: UInt64) {
        self.parts = parts
        self.number = number
        end()
        beginIfAllHear()
    }

    private func isPart(_ part: Part) -> Bool { parts.contains { $0 === part } }

    private func end() {
        hearing.set(parts.contains { $0.mode == .refused } ? .refused : .connecting, grace: grace)
    }

    private func beginIfAllHear() {
        guard !parts.isEmpty, parts.allSatisfy({ $0.mode == .hearing }), let life = oldestLife else { return }
        hearing.beginSession(asked: life, server: number)
    }

    private func noteLife() { if let life = oldestLife { hearing.noteLife(asked: life) } }

    private func lose(_ part: Part) { if isPart(part) { hearing.lose() } }

    /// Before it, everything was heard of by all parts. Nil if one of them has heard nothing yet.
    private var oldestLife: WallTime? {
        var oldest = WallTime.never
        for part in parts {
            guard let life = part.life else { return nil }
            oldest = min(oldest, life)
        }
        return parts.isEmpty ? nil : oldest
    }
}
