// Dates of HTTP as times of the decisions: field values are read by HTTPSemantics, white space around them aside.

import Bytes
import HTTPSemantics

extension Instant {
    /// The time that a date of RFC 9110 §5.6.7 names; nil if the value isn't one.
    /// - Parameter now: tells which century a two-digit year (RFC 850) means: never more than 50 years ahead.
    package init?(httpDate bytes: Span<UInt8>, now: Instant) {
        let text = bytes.extracting(bytes.trimming(bytes.indices))
        guard let seconds = HTTPDate.parse(text, now: now.secondsSinceEpoch) else { return nil }
        self.init(secondsSinceEpoch: seconds)
    }
}
