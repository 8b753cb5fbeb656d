import HTTPSemantics
import HTTPWire
import Testing

@testable import Origins

// Where a response ends, and what happens to the connection: heads as they arrive, and the bytes after them.

@Suite("RFC 9112 §6.3, §9.3: where a response ends, and whether its connection is reused")
struct ResponseFramingTests {
    struct Response: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var method = Method.get
        let head: String
        let events: [ExchangeEvent]
        let expected: [ExchangeAction]

        init(
            _ name: String, to method: Method = .get, _ head: String, _ events: [ExchangeEvent],
            _ expected: [ExchangeAction]
        ) {
            testDescription = name
            self.method = method
            self.head = head
            self.events = events
            self.expected = expected
        }
    }

    private static let responses: [Response] = [
        Response("length, all at once", "200 OK\nContent-Length: 3", [.bytes("abc")], [.deliver(0..<3), reused]),
        Response(
            "length, in pieces", "200 OK\nContent-Length: 5", [.bytes("ab"), .bytes("cde")],
            [.deliver(0..<2), .wait, .deliver(0..<3), reused]),
        Response("length, nothing yet", "200 OK\nContent-Length: 5", [.bytes("")], [.wait]),
        Response("length of zero", "200 OK\nContent-Length: 0", [.bytes("")], [reused]),
        Response(
            "length, too much", "200 OK\nContent-Length: 3", [.bytes("abcd")], [.deliver(0..<3), closed]),
        Response("length of zero, too much", "200 OK\nContent-Length: 0", [.bytes("x")], [closed]),
        Response(
            "length, too little", "200 OK\nContent-Length: 3", [.bytes("ab"), .ended],
            [.deliver(0..<2), .wait, .failed(.closedEarly, blames: true)]),
        Response(
            "length, and the origin closes", "200 OK\nConnection: close\nContent-Length: 1", [.bytes("a")],
            [.deliver(0..<1), closed]),
        Response("HEAD", to: .head, "200 OK\nContent-Length: 3", [.bytes("")], [reused]),
        Response("HEAD with a body all the same", to: .head, "200 OK\nContent-Length: 3", [.bytes("abc")], [closed]),
        Response("HEAD, chunked", to: .head, "200 OK\nTransfer-Encoding: chunked", [.bytes("")], [reused]),
        Response("204", "204 No Content", [.bytes("")], [reused]),
        Response("204 that promises a body", "204 No Content\nContent-Length: 3", [.bytes("")], [closed]),
        Response("304 with a length", "304 Not Modified\nContent-Length: 3", [.bytes("")], [reused]),
        Response("304 with a body all the same", "304 Not Modified", [.bytes("x")], [closed]),
        Response(
            "one chunk", "200 OK\nTransfer-Encoding: chunked", [.bytes("3\r\nabc\r\n0\r\n\r\n")],
            [.deliver(3..<6), reused]),
        Response(
            "small chunks in one read", "200 OK\nTransfer-Encoding: chunked",
            [.bytes("3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n")], [.deliverGathered, reused]),
        Response(
            "chunks that break in the middle of a read", "200 OK\nTransfer-Encoding: chunked",
            [.bytes("3\r\nabc\r\n1\r\ndX")], [.malformed(.invalidChunkEnd)]),
        Response(
            "chunks, cut anywhere", "200 OK\nTransfer-Encoding: chunked",
            [.bytes("3\r"), .bytes("\nab"), .bytes("c\r\n0\r\n\r"), .bytes("\n")],
            [.wait, .deliver(1..<3), .wait, .deliver(0..<1), .wait, reused]),
        Response(
            "chunks, too much", "200 OK\nTransfer-Encoding: chunked", [.bytes("0\r\n\r\nHTTP")], [closed]),
        Response(
            "chunks that are none", "200 OK\nTransfer-Encoding: chunked", [.bytes("x\r\n")],
            [.malformed(.invalidChunkSize)]),
        Response(
            "chunks without an end", "200 OK\nTransfer-Encoding: chunked", [.bytes("3\r\nab"), .ended],
            [.deliver(3..<5), .wait, .failed(.closedEarly, blames: true)]),
        Response(
            "until the connection ends", "200 OK", [.bytes("ab"), .bytes("c"), .ended],
            [.deliver(0..<2), .wait, .deliver(0..<1), .wait, closed]),
        Response(
            "until the connection breaks", "200 OK", [.bytes("ab"), .broke],
            [.deliver(0..<2), .wait, .failed(.closedEarly, blames: true)]),
        Response(
            "an error's body is a body", "503 Service Unavailable\nContent-Length: 1", [.bytes("x")],
            [.deliver(0..<1), reused]),
    ]

    private static let reused = ExchangeAction.finish(reusesConnection: true)
    private static let closed = ExchangeAction.finish(reusesConnection: false)

    private static func head(_ lines: String) -> ExchangeEvent {
        .head("HTTP/1.1 " + lines.split(separator: "\n").joined(separator: "\r\n") + "\r\n\r\n")
    }

    @Test("The body, its end, and the connection", arguments: responses)
    func framing(response: Response) throws {
        let player = ExchangePlayer(.init(method: response.method, isConditional: true))
        for event in ExchangePlayer.events(to: .awaitingHead) { _ = try player.play(event) }
        #expect(try player.play(Self.head(response.head)) == [.begin])
        var actions: [ExchangeAction] = []
        for event in response.events { actions += try player.play(event) }
        #expect(actions == response.expected)
    }

    @Test("A response that arrives before the request is complete ends the connection", arguments: [false, true])
    func early(isCompletedInTime: Bool) throws {
        let player = ExchangePlayer(.init(method: .post, isComplete: false))
        for event in ExchangePlayer.events(to: .awaitingHead) { _ = try player.play(event) }
        _ = try player.play(.supplied(5))
        if isCompletedInTime { _ = try player.play(.contentEnded) }
        #expect(try player.play(Self.head("200 OK\nContent-Length: 0")) == [.begin])
        #expect(try player.play(.bytes("")) == [.finish(reusesConnection: isCompletedInTime)])
    }

    @Test("So does one that arrives before the whole request was sent")
    func unsent() throws {
        let player = ExchangePlayer(.init(method: .post))
        for event in ExchangePlayer.events(to: .awaitingHead) { _ = try player.play(event) }
        _ = try player.play(.queued)
        #expect(try player.play(Self.head("200 OK\nContent-Length: 0")) == [.begin])
        #expect(try player.play(.bytes("")) == [Self.closed])
    }

    @Test("A response read after sending failed is valid, and the last on its connection")
    func afterFailedSending() throws {
        let player = ExchangePlayer(.init(method: .post))
        for event in ExchangePlayer.events(to: .awaitingHead) { _ = try player.play(event) }
        #expect(try player.play(.sendingFailed) == [.readWhatIsThere])
        #expect(try player.play(Self.head("413 Content Too Large\nContent-Length: 0")) == [.begin])
        #expect(try player.play(.bytes("")) == [Self.closed])
    }

    @Test("RFC 9110 §15.4.5: a 304 to a request without conditions is a failure, though not of the server")
    func unaskedNotModified() throws {
        for method in [Method.get, .head, .put, .query] {
            let player = ExchangePlayer(.init(method: method))
            for event in ExchangePlayer.events(to: .awaitingHead) { _ = try player.play(event) }
            let wire = WireError(.unaskedNotModified, from: .origin)
            #expect(
                try player.play(Self.head("304 Not Modified\nETag: \"a\"")) == [
                    .fail(ExchangeFailure(.malformedResponse, wire: wire), blamesServer: false)
                ])
            #expect(player.phase == .ended)
        }
    }

    @Test("RFC 9112 §7.1: what has come of a chunked body is decoded before the response begins")
    func brokenAtOnce() throws {
        let head = Self.head("200 OK\nTransfer-Encoding: chunked")
        for (text, reason) in [
            ("ZZ\r\n", WireError.Reason.invalidChunkSize), ("5\r\nhelloXX", .invalidChunkEnd),
            ("1\r\na\r\n1\r\nb\r\n-5\r\n", .invalidChunkSize),
            (
                "2000\r\n" + String(repeating: "a", count: 8192) + "\r\n2000\r\n" + String(repeating: "a", count: 8192)
                    + "XX", .invalidChunkEnd
            ),
        ] {
            let player = ExchangePlayer()
            for event in ExchangePlayer.events(to: .awaitingHead) { _ = try player.play(event) }
            #expect(try player.play(head) == [.begin])
            #expect(player.playFirst(text) == .malformed(reason))
            #expect(player.phase == .ended)
        }
    }

    @Test("Nothing of a body that is well-formed is lost by looking at it first")
    func lookedAtFirst() throws {
        let head = Self.head("200 OK\nTransfer-Encoding: chunked")
        for (text, first) in [
            ("", nil), ("5\r\n", nil), ("5\r\nab", .deliver(3..<5)), ("1\r\na\r\n1\r\nb\r\n", .deliverGathered),
        ] as [(String, ExchangeAction?)] {
            let player = ExchangePlayer()
            for event in ExchangePlayer.events(to: .awaitingHead) { _ = try player.play(event) }
            _ = try player.play(head)
            #expect(player.playFirst(text) == first)
            if first == .deliverGathered { #expect(player.gatheredText == "ab") }
            #expect(player.phase == .receivingContent)
        }
        let empty = ExchangePlayer()
        for event in ExchangePlayer.events(to: .awaitingHead) { _ = try empty.play(event) }
        _ = try empty.play(head)
        #expect(empty.playFirst("0\r\n\r\n") == nil)
        // The end comes in its turn.
        #expect(empty.phase == .receivingContent)
        #expect(try empty.play(.bytes("")) == [Self.reused])
    }

    @Test(
        "RFC 9110 §9.3: a connection whose request had content that the server may not read isn't used again",
        arguments: Method.allCases)
    func undefinedContent(method: Method) throws {
        let isRead = [.post, .put, .patch, .query].contains(method)
        for hasContent in [false, true] {
            let player = ExchangePlayer(.init(method: method, hasContent: hasContent))
            for event in ExchangePlayer.events(to: .awaitingHead) { _ = try player.play(event) }
            _ = try player.play(Self.head("404 Not Found\nContent-Length: 0"))
            #expect(try player.play(.bytes("")) == [!hasContent || isRead ? Self.reused : Self.closed])
        }
    }

    @Test(
        "RFC 9112 §6.3: only a response without a body by rule may be followed by one all the same",
        arguments: [
            (Method.head, "200 OK\nContent-Length: 3", true), (.get, "204 No Content", true),
            (.get, "304 Not Modified", true), (.get, "200 OK\nContent-Length: 0", false),
        ])
    func forbiddenBody(method: Method, head: String, isExpected: Bool) throws {
        let player = ExchangePlayer(.init(method: method, isConditional: true))
        for event in ExchangePlayer.events(to: .awaitingHead) { _ = try player.play(event) }
        _ = try player.play(Self.head(head))
        #expect(player.mayBeFollowedByBody == isExpected)
        #expect(try player.play(.bytes("")) == [Self.reused])
        #expect(!player.hasExcess)
    }

    @Test("Only a chunked response has trailers")
    func trailers() throws {
        let player = ExchangePlayer()
        for event in ExchangePlayer.events(to: .awaitingHead) { _ = try player.play(event) }
        _ = try player.play(Self.head("200 OK\nTransfer-Encoding: chunked"))
        #expect(try player.play(.bytes("0\r\nX-Sum: 1\r\n\r\n")) == [Self.reused])
        #expect(player.trailers == Array("X-Sum: 1\r\n".utf8))
        player.begin()
        #expect(player.trailers.isEmpty)
    }

    @Test("Interim responses change nothing")
    func interim() throws {
        let player = ExchangePlayer(.init(method: .post))
        for event in ExchangePlayer.events(to: .awaitingHead) { _ = try player.play(event) }
        for _ in 0..<3 { #expect(try player.play(.interimHead).isEmpty) }
        #expect(player.phase == .awaitingHead)
        #expect(player.interest.timeout == .firstByte)
        #expect(try player.play(Self.head("200 OK\nContent-Length: 0")) == [.begin])
    }

    @Test("A requested 101 begins a tunnel, which ends only when it breaks, or both of its sides have ended")
    func tunnel() throws {
        let player = ExchangePlayer(.init(upgrades: [Array("x".utf8)]))
        for event in ExchangePlayer.events(to: .awaitingHead) { _ = try player.play(event) }
        #expect(try player.play(Self.head("101 Switching Protocols\nUpgrade: x\nConnection: Upgrade")) == [.begin])
        #expect(player.phase == .tunnel)
        #expect(try player.play(.bytes("")) == [.wait])
        #expect(try player.play(.bytes("0\r\n\r\n")) == [.deliver(0..<5), .wait])
        #expect(try player.play(.ended) == [.endTunnelInput])
        #expect(try player.play(.broke) == [.failed(.closedEarly, blames: true)])
    }

    @Test(
        "RFC 9110 §7.8: a 101 to a protocol that wasn't offered, or to none, is a failure",
        arguments: [
            ("Upgrade: y", false), ("Upgrade: x, y", false), ("Upgrade: xx", false), ("Via: x", false),
            ("Upgrade: ", false),
            ("Upgrade: X", true), ("Upgrade: x/1", true), ("Upgrade: z,\tx", true), ("Upgrade: z\nUpgrade: x", true),
        ])
    func switching(field: String, isOffered: Bool) throws {
        let player = ExchangePlayer(.init(upgrades: [Array("x".utf8), Array("z".utf8)]))
        for event in ExchangePlayer.events(to: .awaitingHead) { _ = try player.play(event) }
        let actions = try player.play(Self.head("101 Switching Protocols\nConnection: Upgrade\n\(field)"))
        #expect(actions == [isOffered ? .begin : .malformed(.unofferedProtocol)])
    }

    @Test("An unrequested 101 is a failure")
    func unexpectedUpgrade() throws {
        let player = ExchangePlayer()
        for event in ExchangePlayer.events(to: .awaitingHead) { _ = try player.play(event) }
        let head = Self.head("101 Switching Protocols\nUpgrade: x\nConnection: Upgrade")
        #expect(try player.play(head) == [.malformed(.invalidStatusCode)])
    }

    @Test("A malformed head blames the server, over any connection", arguments: [false, true])
    func malformed(isReused: Bool) throws {
        let player = ExchangePlayer()
        for event in ExchangePlayer.events(to: .awaitingHead, isReused: isReused) { _ = try player.play(event) }
        #expect(try player.play(.malformed(.invalidStatusLine)) == [.malformed(.invalidStatusLine)])
        #expect(player.phase == .ended)
    }
}
