// What looking for a route answers.

import Bytes
import Configuration
import HTTPWire

/// The route of a request and what its pattern captured, as places in the request's bytes.
package struct RouteMatch: Sendable {
    /// Parameters of one pattern at most; `RouteTable.init` refuses more.
    package static let parameterLimit = PathPattern.parameterLimit

    /// The place in `Configuration.routes`.
    package internal(set) var route = 0
    package internal(set) var parameterCount = 0
    private var places = InlineArray<8, ByteRange>(repeating: .empty)

    init() {}

    /// Where the parameter at `index`, in the order of the pattern, stands in the request: still percent-encoded.
    package func parameter(at index: Int) -> ByteRange {
        precondition(index < parameterCount, "a pattern's parameters are counted when the table is built")
        return places[index]
    }

    @inline(__always)
    mutating func push(_ place: ByteRange) {
        places[parameterCount] = place
        parameterCount += 1
    }

    @inline(__always)
    mutating func pop() { parameterCount -= 1 }
}

/// Whether and where a request goes.
package enum RouteVerdict: Sendable {
    case matched(RouteMatch)
    /// Larder answers 404.
    case noRoute
    /// Larder answers 400 without asking any origin.
    case refused(PathFault)
}
