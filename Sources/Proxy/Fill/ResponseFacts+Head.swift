// What a response's head says of caching, as the decisions take it.

import Bytes
import HTTPCaching
import HTTPSemantics
import HTTPWire

extension ResponseFacts {
    /// - Parameter time: when the head arrived.
    init(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>, at time: Instant) {
        self.init(status: Status(response.status), responseTime: time)
        for field in response.fields { note(field.known, bytes.extracting(field.value)) }
    }
}
