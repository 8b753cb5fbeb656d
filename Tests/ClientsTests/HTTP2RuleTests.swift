import TestSupport
import Testing

@testable import Clients

// What RFC 9113 and RFC 7541 demand of whoever receives, section by section: frames that break a rule, and what becomes of their
// stream or connection.

/// What frames come to.
enum HTTP2Verdict: Equatable, Sendable {
    /// GOAWAY with this code, and the end of the connection.
    case connection(UInt32)
    /// RST_STREAM with this code, and nothing else.
    case stream(UInt32, UInt32)
    /// The connection goes on.
    case goesOn
    /// A response on the stream, and the connection goes on.
    case response(UInt32, String)
}

struct HTTP2Rule: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let frames: [HTTP2Frame]
    let verdict: HTTP2Verdict
    /// Where a recipient has the choice.
    let others: [HTTP2Verdict]

    init(_ name: String, _ frames: [HTTP2Frame], _ verdict: HTTP2Verdict, or others: HTTP2Verdict...) {
        testDescription = name
        self.frames = frames
        self.verdict = verdict
        self.others = others
    }
}

private let protocolError: UInt32 = 1
private let flowControlError: UInt32 = 3
private let streamClosed: UInt32 = 5
private let frameSizeError: UInt32 = 6
private let compressionError: UInt32 = 9

private func open(_ stream: UInt32) -> HTTP2Frame { HTTP2.headers(stream, HTTP2.request("POST"), ends: false) }
private func get(_ stream: UInt32) -> HTTP2Frame { HTTP2.headers(stream) }
private func raw(_ kind: HTTP2Frame.Kind, _ flags: UInt8, _ stream: UInt32, _ payload: [UInt8]) -> HTTP2Frame {
    HTTP2Frame(kind, flags: flags, stream: stream, payload)
}
private let malformedRequest = HTTP2.headers(1, HTTP2.request("POST", "/", [("upgrade", "x")]), ends: false)
private let waiting = HTTP2.headers(1, HTTP2.request("GET", "/wait"))
private let ends = HTTP2Frame.endStream
private let whole = HTTP2Frame.endHeaders
private let section = HTTP2.section(HTTP2.request())
private let dependsOnItself: [UInt8] = [0, 0, 0, 1, 16]
private let zeros = [UInt8](repeating: 0, count: 20_000)

@Suite("RFC 9113, a client's connection: frames and what they come to")
struct HTTP2RuleTests {
    static let framingRules: [HTTP2Rule] = [
        HTTP2Rule("4.1: an unknown frame is ignored", [HTTP2Frame(.unknown, flags: 7, stream: 0, [1, 2, 3])], .goesOn),
        HTTP2Rule("4.1: undefined flags are ignored", [raw(.ping, 0x16, 0, [1, 2, 3, 4, 5, 6, 7, 8])], .goesOn),
        HTTP2Rule("4.1: the reserved bit is ignored", [raw(.ping, 0, 0x8000_0000, [1, 2, 3, 4, 5, 6, 7, 8])], .goesOn),
        HTTP2Rule(
            "4.2: DATA of 16 KiB is taken", [open(1), HTTP2.data(1, Array(zeros[..<16_384]), ends: true)],
            .response(1, "200")),
        HTTP2Rule(
            "4.2: DATA that is too large", [open(1), HTTP2.data(1, zeros)], .connection(frameSizeError),
            or: .stream(1, frameSizeError)),
        HTTP2Rule(
            "4.2: HEADERS that are too large", [raw(.headers, ends | whole, 1, zeros)], .connection(frameSizeError)),
        HTTP2Rule(
            "4.3: a block that can't be decoded",
            [raw(.headers, ends | whole, 1, [0x82, 0x86, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])],
            .connection(compressionError)),
        HTTP2Rule(
            "4.3: PRIORITY within a block", [raw(.headers, ends, 1, section), raw(.priority, 0, 1, [0, 0, 0, 0, 1])],
            .connection(protocolError)),
        HTTP2Rule(
            "4.3: HEADERS of another stream within a block", [raw(.headers, ends, 1, section), get(3)],
            .connection(protocolError)),
        HTTP2Rule(
            "5.5: an unknown frame within a block", [raw(.headers, ends, 1, section), HTTP2Frame(.unknown)],
            .connection(protocolError)),
    ]

    static let statesRules: [HTTP2Rule] = [
        HTTP2Rule("idle: DATA", [HTTP2.data(1, [1], ends: true)], .connection(protocolError)),
        HTTP2Rule("idle: RST_STREAM", [HTTP2.reset(1)], .connection(protocolError)),
        HTTP2Rule("idle: WINDOW_UPDATE", [HTTP2.window(1, 100)], .connection(protocolError)),
        HTTP2Rule("idle: CONTINUATION", [raw(.continuation, whole, 1, section)], .connection(protocolError)),
        HTTP2Rule(
            "half-closed: DATA", [HTTP2.headers(1, HTTP2.request("GET", "/wait")), HTTP2.data(1, [1], ends: true)],
            .stream(1, streamClosed), or: .connection(streamClosed)),
        HTTP2Rule(
            "half-closed: HEADERS", [HTTP2.headers(1, HTTP2.request("GET", "/wait")), get(1)], .stream(1, streamClosed),
            or: .connection(streamClosed)),
        HTTP2Rule(
            "half-closed: CONTINUATION",
            [HTTP2.headers(1, HTTP2.request("GET", "/wait")), raw(.continuation, whole, 1, section)],
            .connection(protocolError)),
        HTTP2Rule(
            "closed by a reset: DATA", [open(1), HTTP2.reset(1), HTTP2.data(1, [1], ends: true)],
            .connection(streamClosed), or: .stream(1, streamClosed)),
        HTTP2Rule(
            "closed by a reset: HEADERS", [open(1), HTTP2.reset(1), get(1)], .connection(streamClosed),
            or: .stream(1, streamClosed)),
        HTTP2Rule(
            "closed by a reset: CONTINUATION", [open(1), HTTP2.reset(1), raw(.continuation, whole, 1, section)],
            .connection(protocolError)),
        HTTP2Rule(
            "closed: DATA", [get(1), HTTP2.data(1, [1], ends: true)], .connection(streamClosed),
            or: .stream(1, streamClosed)),
        HTTP2Rule(
            "closed by both: DATA", [malformedRequest, HTTP2.reset(1), HTTP2.data(1, [1], ends: true)],
            .connection(streamClosed)),
        HTTP2Rule(
            "closed by both: HEADERS", [malformedRequest, HTTP2.reset(1), get(1)], .connection(streamClosed)),
        HTTP2Rule(
            "closed: WINDOW_UPDATE of nothing", [get(1), HTTP2.window(1, 0)], .connection(protocolError),
            or: .stream(1, protocolError)),
        HTTP2Rule("closed: HEADERS", [get(1), get(1)], .connection(streamClosed)),
        HTTP2Rule("closed: CONTINUATION", [get(1), raw(.continuation, whole, 1, section)], .connection(protocolError)),
        HTTP2Rule(
            "closed: WINDOW_UPDATE and RST_STREAM are ignored", [get(1), HTTP2.window(1, 10), HTTP2.reset(1)], .goesOn),
        HTTP2Rule("5.1.1: an even identifier", [get(2)], .connection(protocolError)),
        HTTP2Rule("5.1.1: an identifier that was passed over", [get(5), get(3)], .connection(protocolError)),
        HTTP2Rule("5.1.1: the first ones may be passed over", [get(13)], .response(13, "200")),
        HTTP2Rule("5.1.1: one that is passed over stays so", [get(7), get(9), get(1)], .connection(protocolError)),
        HTTP2Rule(
            "5.3: HEADERS that depend on themselves",
            [raw(.headers, ends | whole | HTTP2Frame.hasPriority, 1, dependsOnItself + section)],
            .connection(protocolError), or: .stream(1, protocolError)),
        HTTP2Rule(
            "5.3: PRIORITY that depends on itself", [get(1), raw(.priority, 0, 1, dependsOnItself)],
            .connection(protocolError), or: .stream(1, protocolError)),
    ]

    static let framesRules: [HTTP2Rule] = [
        HTTP2Rule("6.1: DATA without a stream", [HTTP2.data(0, [1])], .connection(protocolError)),
        HTTP2Rule(
            "6.1: more padding than payload", [open(1), raw(.data, ends | HTTP2Frame.padded, 1, [9, 1, 2])],
            .connection(protocolError)),
        HTTP2Rule(
            "6.1: padding is taken off", [open(1), raw(.data, ends | HTTP2Frame.padded, 1, [3, 1, 2, 0, 0, 0])],
            .response(1, "200")),
        HTTP2Rule("6.2: HEADERS without a stream", [HTTP2.headers(0)], .connection(protocolError)),
        HTTP2Rule(
            "6.2: more padding than a block", [raw(.headers, ends | whole | HTTP2Frame.padded, 1, [200] + section)],
            .connection(protocolError)),
        HTTP2Rule(
            "6.3: PRIORITY without a stream", [raw(.priority, 0, 0, [0, 0, 0, 3, 1])], .connection(protocolError)),
        HTTP2Rule(
            "6.3: PRIORITY of a wrong size", [get(1), raw(.priority, 0, 1, [0, 0, 0, 3])], .stream(1, frameSizeError),
            or: .connection(frameSizeError)),
        HTTP2Rule(
            "RFC 9218 7.1: PRIORITY_UPDATE of stream 0",
            [raw(.priorityUpdate, 0, 0, [0, 0, 0, 0] + Array("u=1".utf8))],
            .connection(protocolError)),
        HTTP2Rule(
            "RFC 9218 7.1: PRIORITY_UPDATE on a stream",
            [get(1), raw(.priorityUpdate, 0, 1, [0, 0, 0, 1] + Array("u=1".utf8))], .connection(protocolError)),
        HTTP2Rule(
            "RFC 9218 7.1: PRIORITY_UPDATE of a stream to come",
            [raw(.priorityUpdate, 0, 0, [0, 0, 0, 1] + Array("u=1".utf8)), get(1)], .response(1, "200")),
        HTTP2Rule("6.3: PRIORITY in any state", [raw(.priority, 0, 7, [0, 0, 0, 3, 1]), get(9)], .response(9, "200")),
        HTTP2Rule("6.4: RST_STREAM without a stream", [HTTP2.reset(0)], .connection(protocolError)),
        HTTP2Rule(
            "6.4: RST_STREAM of a wrong size", [open(1), raw(.reset, 0, 1, [0, 0, 0])], .connection(frameSizeError)),
        HTTP2Rule(
            "6.5: SETTINGS with ACK and a payload", [raw(.settings, HTTP2Frame.acknowledges, 0, [0, 3, 0, 0, 0, 1])],
            .connection(frameSizeError)),
        HTTP2Rule(
            "6.5: SETTINGS with a stream", [raw(.settings, 0, 1, [0, 3, 0, 0, 0, 1])], .connection(protocolError)),
        HTTP2Rule(
            "6.5: SETTINGS of a wrong size", [raw(.settings, 0, 0, [0, 3, 0, 0, 0])], .connection(frameSizeError)),
        HTTP2Rule("6.5.2: ENABLE_PUSH of 2", [HTTP2.settings([(2, 2)])], .connection(protocolError)),
        HTTP2Rule(
            "6.5.2: INITIAL_WINDOW_SIZE too large", [HTTP2.settings([(4, 0x8000_0000)])], .connection(flowControlError)),
        HTTP2Rule("6.5.2: MAX_FRAME_SIZE too small", [HTTP2.settings([(5, 16_383)])], .connection(protocolError)),
        HTTP2Rule("6.5.2: MAX_FRAME_SIZE too large", [HTTP2.settings([(5, 16_777_216)])], .connection(protocolError)),
        HTTP2Rule("6.5.2: an unknown setting", [HTTP2.settings([(0xff, 1)])], .goesOn),
        HTTP2Rule(
            "6.6: PUSH_PROMISE", [open(1), raw(.pushPromise, whole, 1, [0, 0, 0, 2] + section)],
            .connection(protocolError)),
        HTTP2Rule(
            "6.7: PING with ACK is not replied to", [raw(.ping, HTTP2Frame.acknowledges, 0, [8, 7, 6, 5, 4, 3, 2, 1])],
            .goesOn),
        HTTP2Rule("6.7: PING with a stream", [raw(.ping, 0, 1, [1, 2, 3, 4, 5, 6, 7, 8])], .connection(protocolError)),
        HTTP2Rule("6.7: PING of a wrong size", [raw(.ping, 0, 0, [1, 2, 3, 4, 5, 6])], .connection(frameSizeError)),
        HTTP2Rule(
            "6.8: GOAWAY with a stream", [raw(.goAway, 0, 1, [0, 0, 0, 0, 0, 0, 0, 0])], .connection(protocolError)),
        HTTP2Rule("6.9: WINDOW_UPDATE of nothing", [HTTP2.window(0, 0)], .connection(protocolError)),
        HTTP2Rule(
            "6.9: WINDOW_UPDATE of nothing, for a stream", [open(1), HTTP2.window(1, 0)], .stream(1, protocolError),
            or: .connection(protocolError)),
        HTTP2Rule(
            "6.9: WINDOW_UPDATE of a wrong size", [raw(.windowUpdate, 0, 0, [0, 0, 1])], .connection(frameSizeError)),
        HTTP2Rule(
            "6.9.1: the connection's window past its limit",
            [HTTP2.window(0, 0x7fff_ffff), HTTP2.window(0, 0x7fff_ffff)], .connection(flowControlError)),
        HTTP2Rule(
            "6.9.1: a stream's window past its limit",
            [open(1), HTTP2.window(1, 0x7fff_ffff), HTTP2.window(1, 0x7fff_ffff)], .stream(1, flowControlError),
            or: .connection(flowControlError)),
        HTTP2Rule(
            "6.9.2: SETTINGS that take a stream's window past its limit",
            [waiting, HTTP2.window(1, 0x7fff_ffff - 65_535), HTTP2.settings([(4, 65_536)])],
            .connection(flowControlError)),
        HTTP2Rule(
            "6.9.2: SETTINGS that take it to its limit",
            [waiting, HTTP2.window(1, 0x7fff_ffff - 65_536), HTTP2.settings([(4, 65_536)])], .goesOn),
        HTTP2Rule(
            "6.10: CONTINUATION after CONTINUATION",
            [
                raw(.headers, ends, 1, Array(section[..<5])), raw(.continuation, 0, 1, Array(section[5..<9])),
                raw(.continuation, whole, 1, Array(section[9...])),
            ], .response(1, "200")),
        HTTP2Rule(
            "6.10: another frame within a block", [raw(.headers, ends, 1, section), HTTP2.data(1, [1], ends: true)],
            .connection(protocolError)),
        HTTP2Rule(
            "6.10: CONTINUATION without a stream",
            [raw(.headers, ends, 1, section), raw(.continuation, whole, 0, section)], .connection(protocolError)),
        HTTP2Rule(
            "6.10: CONTINUATION after the end of a block", [open(1), raw(.continuation, whole, 1, section)],
            .connection(protocolError)),
        HTTP2Rule(
            "6.10: CONTINUATION after DATA", [open(1), HTTP2.data(1, [1]), raw(.continuation, whole, 1, section)],
            .connection(protocolError)),
        HTTP2Rule("7: unknown error codes", [open(1), HTTP2.reset(1, 0xff), get(3)], .response(3, "200")),
    ]

    private static func malformed(_ name: String, _ fields: [(String, String)]) -> HTTP2Rule {
        HTTP2Rule(name, [HTTP2.headers(1, fields)], .stream(1, protocolError))
    }

    static let messagesRules: [HTTP2Rule] = [
        HTTP2Rule(
            "8.1: a second section that doesn't end the stream",
            [open(1), HTTP2.headers(1, [("x", "y")], ends: false)], .stream(1, protocolError),
            or: .connection(protocolError)),
        HTTP2Rule(
            "8.1: trailers", [open(1), HTTP2.data(1, [65]), HTTP2.headers(1, [("x-sum", "1")])], .response(1, "200")),
        HTTP2Rule(
            "8.1: a pseudo-field among trailers", [open(1), HTTP2.headers(1, [(":method", "GET")])],
            .stream(1, protocolError)),
        malformed("8.2: an upper-case name", HTTP2.request("GET", "/", [("X-Test", "1")])),
        malformed("8.2.1: a name with a space", HTTP2.request("GET", "/", [("x test", "1")])),
        malformed("8.2.1: a name with a colon", HTTP2.request("GET", "/", [("x:y", "1")])),
        malformed("8.2.1: an empty name", HTTP2.request("GET", "/", [("", "1")])),
        malformed("8.2.1: a value with a line feed", HTTP2.request("GET", "/", [("x", "1\nhost: evil")])),
        malformed("8.2.1: a value with a carriage return", HTTP2.request("GET", "/", [("x", "1\rhost: evil")])),
        malformed("8.2.1: a value with NUL", HTTP2.request("GET", "/", [("x", "1\0")])),
        malformed("8.2.1: a value that begins with a space", HTTP2.request("GET", "/", [("x", " 1")])),
        malformed("8.2.2: Connection", HTTP2.request("GET", "/", [("connection", "keep-alive")])),
        malformed("8.2.2: Transfer-Encoding", HTTP2.request("GET", "/", [("transfer-encoding", "chunked")])),
        malformed("8.2.2: Upgrade", HTTP2.request("GET", "/", [("upgrade", "websocket")])),
        malformed("8.2.2: Keep-Alive", HTTP2.request("GET", "/", [("keep-alive", "1")])),
        malformed("8.2.2: Proxy-Connection", HTTP2.request("GET", "/", [("proxy-connection", "x")])),
        malformed("8.2.2: TE with more than trailers", HTTP2.request("GET", "/", [("te", "trailers, deflate")])),
        HTTP2Rule(
            "8.2.2: TE with trailers", [HTTP2.headers(1, HTTP2.request("GET", "/", [("te", "trailers")]))],
            .response(1, "200")),
        malformed("8.3: an unknown pseudo-field", HTTP2.request("GET", "/", [(":test", "1")])),
        malformed("8.3: a pseudo-field of responses", HTTP2.request("GET", "/", [(":status", "200")])),
        malformed("8.3: a pseudo-field after a field", [("x", "1")] + HTTP2.request()),
        malformed("8.3.1: no path", [(":method", "GET"), (":scheme", "http"), (":authority", "h")]),
        malformed("8.3.1: an empty path", HTTP2.request("GET", "")),
        malformed("8.3.1: a path in absolute form", HTTP2.request("GET", "http://evil/")),
        malformed("8.3.1: a path with a space", HTTP2.request("GET", "/ HTTP/1.1")),
        malformed("8.3.1: no method", [(":scheme", "http"), (":path", "/"), (":authority", "h")]),
        malformed("8.3.1: a method with a space", HTTP2.request("GET /evil", "/")),
        malformed("8.3.1: no scheme", [(":method", "GET"), (":path", "/"), (":authority", "h")]),
        malformed("8.3.1: two methods", HTTP2.request("GET", "/", [(":method", "GET")])),
        malformed("8.3.1: two schemes", HTTP2.request("GET", "/", [(":scheme", "http")])),
        malformed("8.3.1: two paths", HTTP2.request("GET", "/", [(":path", "/")])),
        malformed("8.3.1: Host that isn't the authority", HTTP2.request("GET", "/", [("host", "evil")])),
        HTTP2Rule(
            "8.3.1: Host that is the authority", [HTTP2.headers(1, HTTP2.request("GET", "/", [("host", "H")]))],
            .response(1, "200")),
        HTTP2Rule(
            "8.3.1: Host alone",
            [HTTP2.headers(1, [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("host", "h")])],
            .response(1, "200")),
        HTTP2Rule(
            "8.3.1: neither Host nor an authority",
            [HTTP2.headers(1, [(":method", "GET"), (":scheme", "http"), (":path", "/")])], .stream(1, protocolError)),
        HTTP2Rule(
            "8.1.1: less content than was announced",
            [
                HTTP2.headers(1, HTTP2.request("POST", "/", [("content-length", "2")]), ends: false),
                HTTP2.data(1, [1], ends: true),
            ], .stream(1, protocolError)),
        HTTP2Rule(
            "8.1.1: more content than was announced",
            [
                HTTP2.headers(1, HTTP2.request("POST", "/", [("content-length", "2")]), ends: false),
                HTTP2.data(1, [1]), HTTP2.data(1, [1, 1], ends: true),
            ], .stream(1, protocolError)),
        malformed("8.1.1: no content, but a length", HTTP2.request("POST", "/", [("content-length", "2")])),
        malformed("8.5: CONNECT with a path", HTTP2.request("CONNECT", "/")),
        malformed("RFC 8441: a protocol without CONNECT", [(":protocol", "websocket")] + HTTP2.request()),
    ]

    static let compressionRules: [HTTP2Rule] = [
        HTTP2Rule(
            "2.3.3: an index beyond the tables", [raw(.headers, ends | whole, 1, [0x82, 0x86, 0xff, 0x80, 0x01])],
            .connection(compressionError)),
        HTTP2Rule(
            "4.2: a table size after a field", [raw(.headers, ends | whole, 1, section + [0x20])],
            .connection(compressionError)),
        HTTP2Rule(
            "5.2: padding that is too long",
            [
                raw(
                    .headers, ends | whole, 1,
                    section + [0, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x84, 0x49, 0x50, 0x9f, 0xff])
            ], .connection(compressionError)),
        HTTP2Rule(
            "5.2: padding that isn't ones",
            [
                raw(
                    .headers, ends | whole, 1,
                    section + [0, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x83, 0x49, 0x50, 0x90])
            ],
            .connection(compressionError)),
        HTTP2Rule(
            "5.2: the end of string",
            [
                raw(
                    .headers, ends | whole, 1,
                    section + [0, 0x85, 0xf2, 0xb2, 0x4a, 0x88, 0xff, 0xff, 0xff, 0xff, 0x49, 0x50, 0x9f, 0x7f])
            ],
            .connection(compressionError)),
        HTTP2Rule("6.1: index 0", [raw(.headers, ends | whole, 1, section + [0x80])], .connection(compressionError)),
        HTTP2Rule(
            "6.3: a table larger than allowed", [raw(.headers, ends | whole, 1, [0x3f, 0xe2, 0x1f] + section)],
            .connection(compressionError)),
    ]

    @Test("4, 5.5: frames", arguments: framingRules) func framing(rule: HTTP2Rule) { check(rule) }
    @Test("5: states of a stream", arguments: statesRules) func states(rule: HTTP2Rule) { check(rule) }
    @Test("6, 7: kinds of frames", arguments: framesRules) func frames(rule: HTTP2Rule) { check(rule) }
    @Test("8: messages", arguments: messagesRules) func messages(rule: HTTP2Rule) { check(rule) }
    @Test("RFC 7541: compression", arguments: compressionRules) func compression(rule: HTTP2Rule) { check(rule) }

    /// As the frames come together, and one by one.
    private func check(_ rule: HTTP2Rule) {
        for isTogether in [false, true] {
            let scene = ClientScene()
            scene.answer = { handler in
                let message = handler.stream!.message
                let isWaiting = message.bytes.extracting(message.head.target).text() == "/wait"
                if isWaiting { return handler.wait() }
                if handler.stream!.isContentComplete { handler.respond("hello") } else { handler.read() }
            }
            let client = FrameClient(scene)
            if isTogether { client.send(rule.frames) } else { for frame in rule.frames { client.send(frame) } }
            let verdicts = [rule.verdict] + rule.others
            #expect(
                verdicts.contains { holds($0, client) },
                "\(isTogether ? "together" : "one by one"): \(client.frames) \(client.end ?? "open") \(scene.log)")
        }
    }

    private func holds(_ verdict: HTTP2Verdict, _ client: FrameClient) -> Bool {
        switch verdict {
        case .connection(let error): client.connectionError == error && client.end == "closed"
        case .stream(let stream, let error): client.streamError(stream) == error && client.isAlive
        case .goesOn: client.isAlive
        case .response(let stream, let status): client.status(stream) == status && client.isAlive
        }
    }
}
