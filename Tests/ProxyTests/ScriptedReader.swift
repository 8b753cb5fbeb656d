import Bytes
import CacheStorage
import HTTPCaching
import HTTPSemantics
import HTTPWire
import Origins

@testable import Proxy

/// A request that reads from a fill, its own or another's, at the pace that a test gives it. It notes what it is told, and
/// answers as a transaction does.
final class ScriptedReader: FillReader {
    enum Activity {
        case none
        case filling(Fill)
        case waiting(FillFeed)
        case reading(FillFeed)
        case passing
    }

    weak var scene: FillScene?
    /// 0 is the worker that fills.
    let worker: Int
    private(set) var activity = Activity.none
    /// Everything that it was told, but for pieces.
    private(set) var log: [String] = []
    /// How it ended; once if all is well.
    private(set) var ends: [String] = []
    private(set) var body: [UInt8] = []
    /// The head as it is stored, where everybody gets that.
    private(set) var storedLines: String?
    private(set) var record: StoredResponse?
    private(set) var trailers: [UInt8] = []
    /// What it took over.
    private(set) var source: (any FillSource)?
    private(set) var reason: Reason?
    /// Why what it was given is for it alone, where it is.
    private(set) var deliveredReason: Reason?
    /// Where another request's response belongs.
    private(set) var place: FillPlace?
    /// Its client takes nothing now.
    private(set) var isBlocked: Bool
    /// Bytes that it takes from a feed at once.
    var window = Int.max
    /// What it asked for; it takes a whole response where a test says nothing.
    var request: AdmittedRequest?
    /// Where in the response its body begins, and where that ends; nil is the end of the response.
    private(set) var start = 0
    private(set) var stop: Int?
    /// Which bytes of the content it was given, where it was a part.
    private(set) var content: Range<Int>?
    private var position: Int { start + body.count }
    /// Names it in another request's feed.
    private var identifier = FillFeed.ReaderID(number: -1)

    init(worker: Int = 0, isBlocked: Bool = false) {
        self.worker = worker
        self.isBlocked = isBlocked
    }

    var text: String { String(decoding: body, as: UTF8.self) }

    private func end(_ how: String) {
        activity = .none
        ends.append(how)
    }

    // MARK: What a test does with it

    func fillLooksAgain() { end("looks again") }

    func fill(_ fill: Fill) { activity = .filling(fill) }

    func wait(for feed: FillFeed, as identifier: FillFeed.ReaderID) {
        self.identifier = identifier
        activity = .waiting(feed)
        moved(feed)
    }

    func block() {
        isBlocked = true
        if case .filling(let fill) = activity { fill.readerBlocked() }
    }

    /// Its client takes everything again.
    func unblock() {
        isBlocked = false
        switch activity {
        case .filling(let fill):
            fill.readerReady()
            pump(fill.feed, fill.first)
        case .reading(let feed): pump(feed, identifier)
        case .none, .waiting, .passing: break
        }
    }

    /// Takes at most so many bytes more of what has arrived.
    func take(_ count: Int) {
        let feed: FillFeed
        let reader: FillFeed.ReaderID
        switch activity {
        case .filling(let fill): (feed, reader) = (fill.feed, fill.first)
        case .reading(let own): (feed, reader) = (own, identifier)
        case .none, .waiting, .passing: return
        }
        let limit = min(count, (stop ?? .max) - position)
        _ = feed.read(reader, from: position, atMost: limit) { body.append($0) }
    }

    /// Its client goes away.
    func leave() {
        let activity = self.activity
        if case .none = activity { return }
        end("left")
        switch activity {
        case .none, .passing: source?.stop()
        case .filling(let fill): fill.readerLeft()
        case .waiting(let feed), .reading(let feed): feed.leave(identifier, tellsFill: true)
        }
    }

    // MARK: Its own fill

    var readCount: Int { body.count }

    func fillInterim(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        log.append("interim \(response.status)")
    }

    func fillBegan(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>, lines: RecordHead?) {
        log.append("began \(response.status)")
        storedLines = lines.map { String(decoding: $0.lines, as: UTF8.self) }
        if case .filling(let fill) = activity { reason = fill.notStoredReason }
    }

    func fillReceived(_ piece: Span<UInt8>, at position: Int) {
        if case .passing = activity { return body.append(piece) }
        guard case .filling = activity else { return ends.append("a piece after its end") }
        if position == body.count && !isBlocked { body.append(piece) }
    }

    func fillTurnEnded() {}

    func fillDropped() {
        if case .filling = activity { end("dropped") } else { ends.append("dropped after its end") }
    }

    func fillEnded(_ whole: StoredResponse?, trailers: [UInt8]) {
        guard case .filling(let fill) = activity else { return ends.append("a second end") }
        let feed = fill.feed
        self.trailers = trailers
        if body.count == fill.arrived {
            feed.leave(fill.first, tellsFill: false)
            return end("whole")
        }
        if let whole {
            feed.leave(fill.first, tellsFill: false)
            body.append(whole.body.extracting(body.count...))
            return end("whole")
        }
        identifier = fill.first
        activity = .reading(feed)
    }

    func fillDelivers(_ record: StoredResponse, _ how: FillDelivery, by fill: Fill) {
        guard case .filling(let own) = activity, own === fill else { return }
        fill.feed.leave(fill.first, tellsFill: false)
        self.record = record
        deliveredReason = fill.notStoredReason
        end("delivered, \(how)")
    }

    func fillServesStale(_ status: Status) {
        leaveFill()
        end("serves stale for \(status.code)")
    }

    func fillHandsOver(
        _ source: any FillSource, _ response: borrowing ResponseHead, _ bytes: Span<UInt8>, because reason: Reason?
    ) {
        log.append("handed over \(response.status)")
        self.reason = reason
        takeOver(source)
    }

    func fillHandsOverRest(_ source: any FillSource) {
        log.append("handed over the rest")
        takeOver(source)
    }

    private func takeOver(_ source: any FillSource) {
        leaveFill()
        activity = .passing
        self.source = source
        (source as? ScriptedSource)?.hand(to: self)
    }

    func fillFailed(_ failure: ExchangeFailure, stored: StoredResponse?) {
        leaveFill()
        record = stored
        end("failed, \(failure.cause)")
    }

    private func leaveFill() {
        guard case .filling(let fill) = activity else { return ends.append("a second end") }
        fill.feed.leave(fill.first, tellsFill: false)
    }

    // MARK: What it took over

    func passed(_ piece: [UInt8]) { body += piece }
    func passedAll() { end("whole") }
    func brokeOff() { end("broken") }

    // MARK: A feed

    func moved(_ feed: FillFeed) {
        switch activity {
        case .reading(let own) where own === feed: pump(feed, identifier)
        case .waiting(let own) where own === feed: look(at: feed)
        case .none, .filling, .waiting, .reading, .passing: return
        }
    }

    private func look(at feed: FillFeed) {
        switch feed.news {
        case .none: return
        case .head(let head, let isWhole): use(head, of: feed, isWhole: isWhole)
        case .gone, .refused, .failed:
            let word = feed.news.word
            feed.leave(identifier, tellsFill: true)
            end(word)
        }
    }

    private func use(_ head: FillHead, of feed: FillFeed, isWhole: Bool) {
        var plan = ReadingPlan.whole
        if let request {
            let whole = FillPlace(key: head.key, varyIndex: nil, length: head.response.bodyCount)
            let isComplete = isWhole && head.part == nil
            let known = isComplete ? FillHead(response: head.response, place: whole, arrived: whole.length ?? 0) : head
            plan = ReadingPlan(request, reading: known, now: Instant(secondsSinceEpoch: 0))
        }
        record = head.response
        place = head.place
        switch plan {
        case .later: return
        case .notModified: return endEarly("not modified", feed)
        case .head: return endEarly("head", feed)
        case .elsewhere: return endEarly("elsewhere", feed)
        case .unsatisfiable: return endEarly("unsatisfiable", feed)
        case .whole: log.append("began \(head.response.status)")
        case .part(let part, _):
            log.append("began 206")
            content = Int(part.lowerBound)..<Int(part.upperBound)
            let first = head.part?.range.lowerBound ?? 0
            start = Int(part.lowerBound - first)
            feed.advance(identifier, to: start)
            stop = Int(part.upperBound - first)
        }
        activity = .reading(feed)
        pump(feed, identifier)
    }

    private func endEarly(_ how: String, _ feed: FillFeed) {
        feed.leave(identifier, tellsFill: true)
        end(how)
    }

    private func pump(_ feed: FillFeed, _ reader: FillFeed.ReaderID) {
        while true {
            let reach = feed.reach(of: reader)
            if reach.isDropped { return end("dropped") }
            if isBlocked { return }
            if reach.isBroken {
                // A first reader is told by its fill.
                if case .filling = activity { return }
                feed.leave(identifier, tellsFill: true)
                return end("broken")
            }
            if case .reading = activity, let completed = reach.completed {
                feed.leave(identifier, tellsFill: true)
                let rest = position..<(stop ?? completed.bodyCount)
                body.append(completed.body.extracting(rest))
                return end("whole")
            }
            let limit = min(reach.end, stop ?? .max)
            if position < limit {
                let count = feed.read(reader, from: position, atMost: min(window, limit - position)) { body.append($0) }
                if count == 0 {
                    ends.append("nothing to read at \(position) of \(reach.end)")
                    return
                }
                continue
            }
            if case .reading = activity, reach.isWhole || position == stop {
                feed.leave(identifier, tellsFill: true)
                return end("whole")
            }
            return
        }
    }
}
