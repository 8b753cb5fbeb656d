import Bytes
import CacheStorage
import HTTPCaching
import HTTPSemantics
import HTTPWire
import Origins

@testable import Proxy

/// What an exchange would tell a fill, as a test says it. Once stopped it tells nothing more; once handed over it tells the
/// reader that took it.
final class ScriptedSource: FillSource {
    /// The request as it goes to the origin.
    let request: String
    private weak var fill: Fill?
    private(set) weak var taker: ScriptedReader?
    private let method: Method
    private(set) var isTaken = false
    private(set) var isStarted = false
    private(set) var isPaused = false
    private(set) var isStopped = false
    private(set) var isOver = false
    private var declared: UInt64?
    private var sent: UInt64 = 0
    var trailers: [UInt8] = []

    init(_ asked: OriginRequest, of fill: Fill) {
        self.fill = fill
        method = asked.request.head.method
        var output = ByteBuffer(minimumCapacity: 512)
        asked.append(to: &output)
        request = output.span.text()
    }

    var hasFill: Bool { fill != nil }

    /// The value of a field that the origin is asked with; nil without it.
    func asks(_ name: String) -> String? {
        request.split(separator: "\r\n").first { $0.hasPrefix(name + ": ") }.map {
            String($0.dropFirst(name.count + 2))
        }
    }

    // MARK: What a fill says

    func start() { isStarted = true }
    func pause() { isPaused = true }
    func resume() { isPaused = false }
    func stop() { isStopped = true }
    var remaining: UInt64? { declared.map { $0 - min($0, sent) } }

    func hand(to reader: ScriptedReader) {
        isTaken = true
        taker = reader
    }

    // MARK: What the origin says

    private var isSilent: Bool { isStopped || isOver || !isStarted }

    /// The head of the final response.
    func head(_ status: String, _ fields: [String] = []) {
        guard !isSilent, let fill else { return }
        parse(status, fields) { head, bytes in
            if case .known(let length) = head.contentSize { declared = length }
            fill.responded(head, bytes)
        }
    }

    /// An interim response; an exchange that is paused reads none.
    func interim(_ status: String = "103 Early Hints", _ fields: [String] = []) {
        guard !isSilent, !isPaused, let fill else { return }
        parse(status, fields) { head, bytes in fill.receivedInterim(head, bytes) }
    }

    func piece(_ text: String) { piece(Array(text.utf8)) }

    func piece(_ bytes: [UInt8]) {
        guard !isSilent else { return }
        sent += UInt64(bytes.count)
        if let taker { taker.passed(bytes) } else { fill?.received(bytes.span) }
    }

    /// No more comes in this turn.
    func turn() {
        guard !isSilent, taker == nil else { return }
        fill?.turnEnded()
    }

    func end() {
        guard !isSilent else { return }
        isOver = true
        if let taker { taker.passedAll() } else { fill?.completed() }
    }

    func fail(_ cause: ExchangeFailure.Cause = .closedEarly) {
        guard !isSilent else { return }
        isOver = true
        if let taker { taker.brokeOff() } else { fill?.failed(ExchangeFailure(cause)) }
    }

    /// A whole response of known length.
    func respond(_ status: String, _ fields: [String] = [], body: String) {
        head(status, fields + ["Content-Length: \(body.utf8.count)"])
        piece(body)
        turn()
        end()
    }

    private func parse(
        _ status: String, _ fields: [String], _ use: (borrowing ResponseHead, Span<UInt8>) -> Void
    ) {
        let text = ["HTTP/1.1 " + status] + fields
        let bytes = Array((text.joined(separator: "\r\n") + "\r\n\r\n").utf8)
        var head = ResponseHead()
        do throws(WireError) {
            guard try head.parse(bytes.span, answering: method, limits: HeadLimits()) else {
                preconditionFailure("a script's heads are whole")
            }
        } catch {
            preconditionFailure("a script's heads are valid: \(error)")
        }
        use(head, bytes.span)
    }
}
