// Properties of responses.

enum ResponseProperties {
    struct Outcome: Equatable {
        var isComplete = false
        var fault: WireError?
        var fields: [FieldLine] = []
        var status = 0
        var reason = ByteRange.empty
        var framing = BodyFraming.none
        var keepsAlive = false
        var length = 0
    }

    static func check(_ bytes: [UInt8], answering method: Method) {
        var head = ResponseHead()
        let atOnce = parse(bytes, [], method, &head)
        for cuts in cuts(of: bytes) {
            var other = ResponseHead()
            require(parse(bytes, cuts, method, &other) == atOnce, "cut at \(cuts) a response comes out differently")
        }
        require(parse(bytes, [], method, &head) == atOnce, "a head that is used again parses differently")
        guard atOnce.isComplete else { return }
        require((100...599).contains(atOnce.status), "a status out of range")
        require(
            atOnce.framing != .untilClose || !atOnce.keepsAlive, "a body without end on a connection to be used again")
        checkForwarding(head, bytes, method)
    }

    private static func parse(_ bytes: [UInt8], _ cuts: [Int], _ method: Method, _ head: inout ResponseHead) -> Outcome
    {
        for end in cuts + [bytes.count] {
            do throws(WireError) {
                guard try head.parse(bytes.span.extracting(0..<end), answering: method, limits: fuzzLimits) else {
                    continue
                }
                return Outcome(
                    isComplete: true, fields: head.fields, status: head.status, reason: head.reason,
                    framing: head.framing,
                    keepsAlive: head.keepsAlive, length: head.length)
            } catch {
                return Outcome(fault: error)
            }
        }
        return Outcome()
    }

    private static func checkForwarding(_ head: borrowing ResponseHead, _ bytes: [UInt8], _ method: Method) {
        var plan = ResponseForwarding(framing: head.framing)
        if method == .head { plan.declaredContentLength = head.declaredContentLength }
        if head.status == 101 { plan.connection = .upgrade }
        var output = ByteBuffer()
        Forwarding.appendResponse(head, bytes.span, plan, to: &output)
        Forwarding.endHead(&output)
        let written = copy(output)

        var received = ResponseHead()
        let isComplete = try? received.parse(written.span, answering: method, limits: wideLimits)
        require(isComplete == true, "what was delivered is not a response: \(String(decoding: written, as: UTF8.self))")
        require(received.length == written.count, "what was delivered ends early")
        require(received.status == head.status, "the status changed")
        require(slice(received.reason, written) == slice(head.reason, bytes), "the reason changed")
        require(received.framing == head.framing, "the framing changed")
        let own = FieldSet.hopByHop.union([.via, .trailer])
        let sentFields = carried(head.fields, bytes) {
            own.contains($0.known) || head.isNamedByConnection($0, in: bytes.span)
        }
        let receivedFields = carried(received.fields, written) { own.contains($0.known) }
        require(sentFields == receivedFields, "the end-to-end fields changed")
    }
}
