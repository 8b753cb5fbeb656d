import TestSupport
import Testing

@testable import HTTPSemantics

@Suite("RFC 9110 §15 Status codes")
struct StatusTests {
    @Test("§15.1 The heuristically cacheable ones", .tags(.must))
    func heuristicallyCacheable() {
        let statuses = (0...999).filter { Status($0).isHeuristicallyCacheable }
        #expect(statuses == [200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 451, 501])
    }

    @Test("Those below 200 are not final", .tags(.must))
    func final() {
        #expect((0...999).filter { !Status($0).isFinal } == Array(0..<200))
    }

    @Test("Non-error ones are 2xx and 3xx", .tags(.must))
    func nonError() { #expect((0...999).filter { Status($0).isNonError } == Array(200..<400)) }

    @Test("Errors are 4xx and 5xx; what is gone is 404 and 410", .tags(.must))
    func errors() {
        #expect((0...999).filter { Status($0).isError } == Array(400..<600))
        #expect((0...999).filter { Status($0).isClientError } == Array(400..<500))
        #expect((0...999).filter { Status($0).isGone } == [404, 410])
    }

    @Test("Those of RFC 9110 are understood, and unknown ones are not", .tags(.must))
    func understood() {
        for status in [200, 204, 206, 301, 304, 404, 417, 422, 426, 500, 505] {
            #expect(Status(status).isUnderstood)
        }
        for status in [0, 103, 199, 207, 299, 305, 306, 418, 499, 506, 599, 600, 999] {
            #expect(!Status(status).isUnderstood)
        }
    }

    @Test("Codes outside three digits are cut, not trapped on", .tags(.choice), arguments: [Int.min, -1, 1000, .max])
    func extremes(code: Int) { #expect((0...999).contains(Status(code).code)) }
}
