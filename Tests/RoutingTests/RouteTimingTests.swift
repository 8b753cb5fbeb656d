import Bytes
import Configuration
import HTTPWire
import Testing

@testable import Routing

/// Routes to measure with: alike but for one segment, as those of an API are.
enum RouteTiming {
    static func routes(count: Int) throws -> [Route] {
        try (0..<count).map { try route("/v1/resource\($0)/{id}/items") }
    }

    /// Nanoseconds of one match, the best of several rounds, over requests that are spread over all routes.
    static func nanoseconds(routes count: Int) throws -> Double {
        let table = try RouteTable(routes(count: count))
        var bytes = Array("example.com".utf8)
        let host = ByteRange(0, bytes.count)
        let paths = (0..<64).map { step in
            let path = Array("/v1/resource\(step * 7919 % count)/77/items".utf8)
            bytes += path
            return ByteRange(bytes.count - path.count, bytes.count)
        }
        let clock = ContinuousClock()
        var best = Duration.seconds(1)
        var found = 0
        for _ in 0..<40 {
            let span = bytes.span
            let start = clock.now
            for path in paths {
                if case .matched(let match) = table.match(span, host: host, path: path) {
                    found += match.parameterCount
                }
            }
            best = min(best, clock.now - start)
        }
        #expect(found == 40 * paths.count)
        return Double(best.components.attoseconds) / 1e9 / Double(paths.count)
    }
}

@Suite("Matching among many routes")
struct RouteTimingTests {
    @Test("Matching among 1,000 routes costs no more than twice matching among 10")
    func ratio() throws {
        // Noise can only make a round slower, so the best of a few attempts is what counts.
        var ratio = Double.infinity
        for _ in 0..<5 where ratio > 2 {
            let (few, some, many) = try (
                RouteTiming.nanoseconds(routes: 10), RouteTiming.nanoseconds(routes: 100),
                RouteTiming.nanoseconds(routes: 1_000)
            )
            print("matching: \(Int(few)) ns of 10, \(Int(some)) ns of 100, \(Int(many)) ns of 1,000 routes")
            ratio = min(ratio, many / few)
        }
        #expect(ratio <= 2)
    }
}
