// Properties of requests.

enum RequestProperties {
    struct Outcome: Equatable {
        var isComplete = false
        var fault: WireError?
        var fields: [FieldLine] = []
        var ranges: [ByteRange] = []
        var method = Method.other
        var form = TargetForm.origin
        var framing = BodyFraming.none
        var flags: [Bool] = []
        var length = 0
    }

    static func check(_ bytes: [UInt8]) {
        var head = RequestHead()
        let atOnce = parse(bytes, [], &head)
        for cuts in cuts(of: bytes) {
            var other = RequestHead()
            require(parse(bytes, cuts, &other) == atOnce, "cut at \(cuts) a request comes out differently")
        }
        require(parse(bytes, [], &head) == atOnce, "a head that is used again parses differently")
        guard atOnce.isComplete else { return }
        require(atOnce.length <= fuzzLimits.head, "a head exceeds its limit")
        for flags in 0..<8 { checkForwarding(head, bytes, flags) }
    }

    private static func parse(_ bytes: [UInt8], _ cuts: [Int], _ head: inout RequestHead) -> Outcome {
        for end in cuts + [bytes.count] {
            do throws(WireError) {
                guard try head.parse(bytes.span.extracting(0..<end), limits: fuzzLimits) else { continue }
                return Outcome(
                    isComplete: true, fields: head.fields,
                    ranges: [head.methodRange, head.target, head.scheme, head.authority, head.path, head.query],
                    method: head.method, form: head.targetForm, framing: head.framing,
                    flags: [
                        head.hasQuery, head.keepsAlive, head.expectsContinue, head.wantsUpgrade, head.minorVersion == 1,
                    ],
                    length: head.length)
            } catch {
                return Outcome(fault: error)
            }
        }
        return Outcome()
    }

    private static func checkForwarding(_ head: borrowing RequestHead, _ bytes: [UInt8], _ flags: Int) {
        var plan = RequestForwarding(
            framing: head.framing, upstreamHost: Array("origin".utf8),
            peerAddress: flags & 1 == 0 ? AddressText() : AddressText(v6: 1))
        plan.isPeerTrusted = flags & 2 != 0
        plan.acceptsTrailers = true
        plan.forwardsExpect = true
        if flags & 4 != 0, head.wantsUpgrade { plan.connection = .upgrade }
        var output = ByteBuffer()
        Forwarding.appendRequest(head, bytes.span, plan, to: &output)
        Forwarding.endHead(&output)
        let written = copy(output)

        var received = RequestHead()
        let isComplete = try? received.parse(written.span, limits: wideLimits)
        require(isComplete == true, "what was forwarded is not a request: \(String(decoding: written, as: UTF8.self))")
        require(received.length == written.count, "what was forwarded ends early")
        require(slice(received.methodRange, written) == slice(head.methodRange, bytes), "the method changed")
        require(received.framing == head.framing, "the framing changed")
        require(received.hasQuery == head.hasQuery, "the query came or went")
        require(slice(received.query, written) == slice(head.query, bytes), "the query changed")
        let path = slice(head.path, bytes)
        if !path.isEmpty { require(slice(received.path, written) == path, "the path changed") }
        let authority = slice(head.authority, bytes)
        if !authority.isEmpty { require(slice(received.authority, written) == authority, "the authority changed") }
        require(received.expectsContinue == head.expectsContinue, "the expectation changed")

        let own = FieldSet.hopByHop.union([
            .host, .via, .forwarded, .xForwardedFor, .xForwardedProto, .xForwardedHost, .maxForwards, .expect, .trailer,
        ])
        let sentFields = carried(head.fields, bytes) {
            own.contains($0.known) || head.isNamedByConnection($0, in: bytes.span) || isForwardingField($0, bytes)
        }
        let receivedFields = carried(received.fields, written) {
            own.contains($0.known) || isForwardingField($0, written)
        }
        require(sentFields == receivedFields, "the end-to-end fields changed")
    }

    /// One that is passed on for trusted peers only, or for none.
    private static func isForwardingField(_ field: FieldLine, _ bytes: [UInt8]) -> Bool {
        slice(field.name, bytes).map { $0 == UInt8(ascii: "_") ? UInt8(ascii: "-") : $0 | 0x20 }
            .starts(with: "x-forwarded-".utf8)
    }
}
