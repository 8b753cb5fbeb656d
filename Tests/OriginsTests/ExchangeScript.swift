import Bytes
import HTTPWire
import Testing

@testable import Origins

// An exchange as a script: events in order, each with the expected actions of the state machine. No socket, no clock.

enum ExchangeEvent: Sendable {
    case noServerLeft, limitReached
    case locationAsked, located
    case nameTimedOut(hasFailed: Bool)
    case connecting, refused, lacksResources
    case connected(isReused: Bool)
    case queued
    case sent(all: Bool)
    /// So many bytes of content.
    case supplied(Int)
    case contentEnded, sendingFailed
    case partOfHead, interimHead
    case head(String)
    case bytes(String)
    case ended, broke
    case malformed(WireError.Reason)
    case deadline, cancelled
    case tunnelOutputEnds

    var isBreak: Bool { if case .broke = self { true } else { false } }
}

struct ExchangeLine: Sendable {
    let event: ExchangeEvent
    /// In order; empty for an event without an action.
    let actions: [ExchangeAction]

    init(_ event: ExchangeEvent, _ actions: ExchangeAction...) {
        self.event = event
        self.actions = actions
    }
}

/// A request and its events.
struct ExchangeScript: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let request: ExchangeState.Request
    let lines: [ExchangeLine]

    init(_ name: String, of request: ExchangeState.Request = .init(), _ lines: [ExchangeLine]) {
        testDescription = name
        self.request = request
        self.lines = lines
    }
}

/// Plays events into a state.
final class ExchangePlayer {
    private var state = ExchangeState()
    /// What the last `.deliverGathered` delivers.
    private(set) var gatheredText = ""

    init(_ request: ExchangeState.Request = .init()) { state.begin(request) }

    func begin() { state.begin(.init()) }
    func pause() -> Bool { state.pause() }
    func resume() -> Bool { state.resume() }

    var phase: ExchangeState.Phase { state.phase }
    var interest: ExchangeInterest { state.interest }
    var isConnected: Bool { state.isConnected }
    var awaitsResponse: Bool { state.awaitsResponse }
    var mayBeCarriedOut: Bool { state.mayBeCarriedOut }
    var takesContent: Bool { state.takesContent }
    var closesSending: Bool { state.closesSending }
    var remainingLength: UInt64? { state.remainingLength }
    var trailers: [UInt8] { state.trailers }
    var mayUseIdleConnection: Bool { state.mayUseIdleConnection }
    var mayBeFollowedByBody: Bool { state.mayBeFollowedByBody }
    var hasExcess: Bool { state.hasExcess }
    /// Whether a piece of content is kept for a retry.
    func keeps(_ count: Int) -> Bool { state.supplied(count) }
    /// The actions for what comes in the same read as a head, before anything is passed on.
    func playFirst(_ text: String) -> ExchangeAction? {
        let bytes = Array(text.utf8)
        var position = 0
        var gathered = ByteBuffer()
        defer { gatheredText = string(of: gathered) }
        return state.firstContent(bytes.span, from: &position, gathering: &gathered)
    }

    /// The actions for an event; for bytes, all actions until the state waits.
    func play(_ event: ExchangeEvent) throws -> [ExchangeAction] {
        switch event {
        case .noServerLeft: return [state.noServerLeft()]
        case .limitReached: return [state.connectionLimitReached()]
        case .locationAsked: state.locationAsked()
        case .located: return [state.located()]
        case .nameTimedOut(let hasFailed): return [state.nameTimedOut(hasFailed: hasFailed)]
        case .connecting: state.connecting()
        case .refused: return [state.refused()]
        case .lacksResources: return [state.lacksResources()]
        case .connected(let isReused): return [state.connected(isReused: isReused)]
        case .queued: state.queued()
        case .sent(let all): state.sent(all: all)
        case .supplied(let count): _ = state.supplied(count)
        case .contentEnded: state.contentEnded()
        case .sendingFailed: return [state.sendingFailed()]
        case .partOfHead: return [state.receivedPartOfHead()]
        case .interimHead: state.receivedInterimHead()
        case .head(let text):
            var head = ResponseHead()
            let bytes = Array(text.utf8)
            guard try head.parse(bytes.span, answering: state.method, limits: HeadLimits()) else {
                return []
            }
            return [state.received(head, bytes.span)]
        case .bytes(let text):
            let bytes = Array(text.utf8)
            var position = 0
            var gathered = ByteBuffer()
            var actions: [ExchangeAction] = []
            while true {
                let action = state.content(bytes.span, from: &position, gathering: &gathered)
                actions.append(action)
                switch action {
                case .deliver, .deliverGathered: continue
                default: return actions
                }
            }
        case .ended: return [state.ended()]
        case .broke: return [state.broke()]
        case .malformed(let reason): return [state.malformed(WireError(reason, from: .origin))]
        case .deadline: return [state.deadlinePassed()]
        case .cancelled: state.cancelled()
        case .tunnelOutputEnds: state.endTunnelOutput()
        }
        return []
    }

    /// The shortest script that leads to a phase.
    static func events(to phase: ExchangeState.Phase, isReused: Bool = false) -> [ExchangeEvent] {
        let connected: [ExchangeEvent] = [.connected(isReused: isReused)]
        switch phase {
        case .idle: return []
        case .locating: return [.locationAsked]
        case .connecting: return [.connecting]
        case .awaitingHead: return connected
        case .receivingContent: return connected + [.head("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")]
        case .tunnel: return connected + [.head("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n")]
        case .ended: return [.cancelled]
        }
    }
}

private func string(of buffer: borrowing ByteBuffer) -> String {
    var bytes: [UInt8] = []
    let span = buffer.span
    for index in span.indices { bytes.append(span[index]) }
    return String(decoding: bytes, as: UTF8.self)
}

extension ExchangeAction {
    static func failed(_ cause: ExchangeFailure.Cause, blames: Bool) -> ExchangeAction {
        .fail(ExchangeFailure(cause), blamesServer: blames)
    }

    static func malformed(_ reason: WireError.Reason) -> ExchangeAction {
        .fail(ExchangeFailure(.malformedResponse, wire: WireError(reason, from: .origin)), blamesServer: true)
    }
}
