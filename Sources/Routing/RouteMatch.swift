// The result of matching a request against the route table.

import Bytes
import Configuration
import HTTPWire

/// The route of a request and what its pattern captured, as ranges of the request's bytes.
package struct RouteMatch: Sendable {
    /// Maximum number of parameters in one pattern; `RouteTable.init` rejects more.
    package static let parameterLimit = PathPattern.parameterLimit

    /// The index in `Configuration.routes`.
    package internal(set) var route = 0
    package internal(set) var parameterCount = 0
    private var places = InlineArray<8, ByteRange>(repeating: .empty)

    init() {}

    /// The range of the parameter at `index`, in the order of ``Route/parameterNames``; still percent-encoded.
    package func parameter(at index: Int) -> ByteRange {
        precondition(index < parameterCount, "the matched pattern has no such parameter")
        return places[index]
    }

    /// Whether the parameter is a `{name...}` that stands for nothing: the path ends before the slash in front of it.
    package func isMissing(at index: Int) -> Bool { parameter(at: index) == .empty }

    /// Puts the parameters into the order of the route, whose paths may have them in another one, and more of them.
    mutating func reorder(_ order: [UInt8]) {
        let captured = places
        for (index, place) in order.enumerated() { places[index] = captured[Int(place)] }
        parameterCount = order.count
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
    /// Larder responds 404.
    case noRoute
    /// Larder responds 400 without contacting an origin.
    case refused(PathFault)
}
