// What an operator hears of invalidations that Redis couldn't take: one line when some begin to wait, one when Redis has taken all
// of them, and one where some are lost. A value: time is an argument.

import CacheStorage
import Configuration

/// Belongs to the control thread, which looks every second.
struct RemovalWatch {
    struct Line: Equatable {
        let level: LogSettings.Level
        let text: String
    }

    /// As of the last look.
    private var before = UndeliveredFigures()
    /// How many waited since the last line that said so; nil if none wait.
    private var waited: Int?

    /// What is to be told now.
    mutating func lines(_ figures: UndeliveredFigures) -> [Line] {
        defer { before = figures }
        var lines: [Line] = []
        let new = figures.kept + figures.repeated - before.kept - before.repeated
        if let sum = waited {
            waited = sum + new
        } else if new > 0 || figures.waiting > 0 {
            waited = max(new, figures.waiting)
            lines.append(
                Line(
                    level: .warning,
                    text: "invalidations wait until Redis takes them (\(max(new, figures.waiting)) so far)"))
        }
        let refused = figures.refused - before.refused
        if refused > 0 {
            let reason = figures.refusal.map { ": \($0.sentence)" } ?? ""
            lines.append(
                Line(
                    level: .error,
                    text:
                        "Redis refused \(counted(refused, "invalidation")) for good\(reason); other instances may serve old responses"
                ))
        }
        if figures.folded > before.folded {
            lines.append(
                Line(
                    level: .error,
                    text: "more invalidations wait for Redis than can be kept: everything stored is purged instead"))
        }
        if let sum = waited, figures.waiting == 0 {
            waited = nil
            // What was kept and then refused is told above.
            lines.append(Line(level: .notice, text: "no invalidation waits for Redis any more (\(sum) waited)"))
        }
        return lines
    }
}
