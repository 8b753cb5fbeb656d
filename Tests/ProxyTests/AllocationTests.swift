import AllocationCounter
import Foundation
import TestSupport
import Testing

@testable import Proxy

extension ServingTests {
    @Suite("The memory HIT allocates nothing")
    struct AllocationTests {
        private static let requests = 2_000

        #if DEBUG
            /// Without the optimiser the literals of option sets and a few arrays are made on the heap, six a request. One
            /// more is one too many here too. The rest is for what a timer of the worker's needs once a second passes.
            private static let tolerated = UInt64(6 * requests + 200)
        #else
            /// None a request. What a timer of the worker's needs once a second passes.
            private static let tolerated: UInt64 = 20
        #endif

        @Test(
            "Two thousand HITs over one connection cost no heap allocation each",
            .enabled(if: larder_allocations_are_countable() == 1, "a sanitizer has a malloc of its own"),
            arguments: [0, 1_024, 65_536])
        func memoryHit(size: Int) throws {
            try #require(larder_allocations_counts_this_thread() == 1, "malloc does not go through the counter")
            try ServingStage.run { stage throws in
                let path = stage.origin.script(
                    200, ["Cache-Control: max-age=600"], body: String(repeating: "x", count: size))
                let client = try RawClient(.port(stage.port))
                defer { client.close() }
                for expected in ["MISS"] + Array(repeating: "HIT", count: 50) {
                    #expect(try client.request("GET", path)["X-Cache"] == expected)
                }
                if let limit = ProcessInfo.processInfo.environment["LARDER_TRACE_ALLOCATIONS"].flatMap({ Int32($0) }) {
                    larder_allocations_trace(limit)
                }
                larder_allocations_begin()
                for _ in 0..<Self.requests {
                    let response = try client.request("GET", path)
                    guard response["X-Cache"] == "HIT", response.body.count == size else {
                        Issue.record("not a HIT: \(response.head.startLine)")
                        break
                    }
                }
                let count = larder_allocations_end()
                #expect(count <= Self.tolerated, "\(Double(count) / Double(Self.requests)) allocations a request")
            }
        }
    }
}
