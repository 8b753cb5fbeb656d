// What a response's head says of caching, as the decisions take it.

import Bytes
import HTTPCaching
import HTTPSemantics
import HTTPWire

extension ResponseFacts {
    /// Of a response whose head arrives in this turn of the worker's loop.
    init(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>, in service: FillService) {
        self.init(status: Status(response.status), responseTime: service.instant, arrivalDate: service.date)
        for field in response.fields { note(field.known, bytes.extracting(field.value)) }
    }
}
