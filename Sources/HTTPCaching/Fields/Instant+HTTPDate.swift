// HTTP dates as instants. HTTPSemantics parses them; surrounding white space is ignored here.

import Bytes
import HTTPSemantics

extension Instant {
    /// The time of an HTTP date (RFC 9110 §5.6.7); nil if the value isn't one.
    /// - Parameter now: determines the century of a two-digit year (RFC 850): never more than 50 years ahead.
    package init?(httpDate bytes: Span<UInt8>, now: Instant) {
        let text = bytes.extracting(bytes.trimming(bytes.indices))
        guard let seconds = HTTPDate.parse(text, now: now.secondsSinceEpoch) else { return nil }
        self.init(secondsSinceEpoch: seconds)
    }
}
