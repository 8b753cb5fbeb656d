import Testing

@testable import HTTPWire

@Suite("RFC 9112 §2.2, §3, §5, §6: what a gateway rejects")
struct RefusalTests {
    @Test("each request of the framing list is rejected for its reason", arguments: RefusedRequest.all)
    func isRefused(_ request: RefusedRequest) {
        #expect(parse(request.message) == .refused(request.reason))
    }

    @Test("fed byte by byte, each is rejected for the same reason", arguments: RefusedRequest.all)
    func isRefusedByteByByte(_ request: RefusedRequest) {
        let bytes = Array(request.message.utf8)
        var head = RequestHead()
        #expect(feed(bytes, cuts: Array(0..<bytes.count), reusing: &head) == .refused(request.reason))
    }

    @Test("a rejected message doesn't affect the next parse", arguments: RefusedRequest.all)
    func leavesNoTrace(_ refused: RefusedRequest) throws {
        let good = Array("GET /x?y HTTP/1.1\r\nHost: b\r\n\r\n".utf8)
        var reused = RequestHead()
        _ = feed(Array(refused.message.utf8), reusing: &reused)
        var fresh = RequestHead()
        #expect(feed(good, reusing: &reused) == feed(good, reusing: &fresh))
    }

    @Test("every reason has a status, a code of its own and a sentence")
    func reasonsAreDescribed() {
        var codes: Set<String> = []
        for reason in WireError.Reason.allCases {
            let error = WireError(reason, from: .client)
            #expect([400, 413, 414, 417, 431, 501, 505].contains(error.status))
            #expect(WireError(reason, from: .origin).status == 502)
            #expect(codes.insert("\(error.code)").inserted)
            #expect(!"\(error.sentence)".isEmpty)
        }
    }

    @Test(
        "the statuses that the RFCs name",
        arguments: [
            (WireError.Reason.requestLineTooLong, 414), (.headTooLarge, 431), (.tooManyFields, 431),
            (.contentTooLarge, 413),
            (.unknownTransferCoding, 501), (.unsupportedVersion, 505), (.unknownExpectation, 417), (.bothFramings, 400),
        ])
    func statuses(_ reason: WireError.Reason, _ status: Int) {
        #expect(WireError(reason, from: .client).status == status)
    }
}

@Suite("RFC 9110 §15.5.15, RFC 6585 §5: limits, enforced while a head is incomplete")
struct LimitTests {
    let limits = HeadLimits(startLine: 30, head: 100, fields: 3)

    @Test(
        "each limit has its reason",
        arguments: [
            (
                "GET /" + String(repeating: "a", count: 30) + " HTTP/1.1\r\nHost: a\r\n\r\n",
                WireError.Reason.requestLineTooLong
            ),
            (String(repeating: "A", count: 40), .requestLineTooLong),
            ("GET / HTTP/1.1\r\nHost: a\r\nA: " + String(repeating: "a", count: 100), .headTooLarge),
            ("GET / HTTP/1.1\r\nHost: a\r\nA: " + String(repeating: "a", count: 100) + "\r\n\r\n", .headTooLarge),
            ("GET / HTTP/1.1\r\nHost: a\r\nA: b\r\nA: b\r\nA: b\r\n", .tooManyFields),
        ])
    func refuses(_ message: String, _ reason: WireError.Reason) {
        let bytes = Array(message.utf8)
        for cuts in [[], Array(0..<bytes.count), [bytes.count / 2]] {
            var head = RequestHead()
            #expect(feed(bytes, cuts: cuts, limits: limits, reusing: &head) == .refused(reason))
        }
    }

    @Test("a head that fits exactly is accepted")
    func exactFit() {
        let line = "GET /" + String(repeating: "a", count: 16) + " HTTP/1.1"
        let fixed = line + "\r\nHost: a\r\nA: "
        let message = fixed + String(repeating: "a", count: 100 - fixed.utf8.count - 4) + "\r\n\r\n"
        #expect(line.utf8.count == 30 && message.utf8.count == 100)
        guard case .request = parse(message + "the body counts for nothing", limits: limits) else {
            Issue.record("refused: \(parse(message, limits: limits))")
            return
        }
    }

    @Test("an origin's endless status line is rejected as well")
    func statusLine() {
        let bytes = Array(("HTTP/1.1 200 " + String(repeating: "a", count: 40)).utf8)
        var head = ResponseHead()
        #expect(throws: WireError(.headTooLarge, from: .origin)) {
            try head.parse(bytes.span, answering: .get, limits: limits)
        }
    }
}
