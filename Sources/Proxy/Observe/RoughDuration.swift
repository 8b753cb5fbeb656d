// How long something took, for people.

/// `350 ms`, `12 s`, `5 min`, `3 h`
func roughDuration(_ milliseconds: Int64) -> String {
    switch milliseconds {
    case ..<1_000: "\(max(0, milliseconds)) ms"
    case ..<120_000: "\(milliseconds / 1_000) s"
    case ..<7_200_000: "\(milliseconds / 60_000) min"
    default: "\(milliseconds / 3_600_000) h"
    }
}
