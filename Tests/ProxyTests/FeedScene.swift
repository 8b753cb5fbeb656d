import CacheStorage
import EventLoop
import HTTPCaching

@testable import Proxy

// What tests of flights have in common: a feed without a request, and workers that only note what they are told.

/// A worker's mailbox, and what has come into it.
final class Inbox {
    /// What a worker is told of flights.
    enum Note: Equatable {
        case moved, needsFill
    }

    let mailbox = Mailbox<FillFeed.Notice>()
    private let loop = EventLoop(inputCapacity: 4096)
    private let stop = Mailbox<Void>()
    private var delivery: Socket?
    private var stopDelivery: Socket?
    private var notes: [Note] = []

    init() {
        delivery = mailbox.deliver(on: loop) { [unowned self] notice in
            switch notice {
            case .moved: notes.append(.moved)
            case .needsFill: notes.append(.needsFill)
            case .keyChanged: break
            }
        }
        stopDelivery = stop.deliver(on: loop) { [unowned self] in loop.stop() }
    }

    deinit {
        delivery?.close()
        stopDelivery?.close()
    }

    /// Everything that has come since the last call, in order.
    func take() -> [Note] {
        // Two rounds: the order in which one loop's turn looks at two mailboxes isn't said.
        for _ in 0..<2 {
            stop.post(())
            loop.run()
        }
        defer { notes = [] }
        return notes
    }
}

/// A feed with the worker that leads it and those whose requests follow.
final class FeedScene {
    static let keyText = Array("GET http://api.example/report".utf8)
    static let key = CacheKey(high: 1, low: 2)

    let owner = Inbox()
    let worker = Inbox()
    let feed: FillFeed
    let budget = MemoryBudget(bytes: 64 << 20)

    /// Those that follow, in the order in which they came.
    private(set) var readers: [FillFeed.ReaderID] = []

    init(key: CacheKey = key, keyText: [UInt8] = keyText, spillLimit: Int = FillFeed.spillLimit) {
        feed = FillFeed(key: key, keyText: keyText, began: .first, owner: owner.mailbox, spillLimit: spillLimit)
    }

    /// A request of worker 1 follows.
    @discardableResult
    func read() -> Bool {
        guard let reader = feed.join(worker: 1, mailbox: worker.mailbox) else { return false }
        readers.append(reader)
        return true
    }

    func leave(_ index: Int = 0) { feed.leave(readers.remove(at: index), tellsFill: true) }

    /// A reader has taken the body up to there.
    func move(_ index: Int, to position: Int) { feed.advance(readers[index], to: position) }

    /// What the reader that came last finds, or one that comes and goes where nobody reads.
    var reach: FillFeed.Reach { withReader { feed.reach(of: $0) } }

    private func withReader<Result>(_ body: (FillFeed.ReaderID) -> Result) -> Result {
        if let last = readers.last { return body(last) }
        let passing = feed.joinFirst()
        defer { feed.leave(passing, tellsFill: false) }
        return body(passing)
    }

    /// The head is there, and may be given to others.
    func begin(length: Int? = nil, objectLimit: Int = 1 << 20) throws {
        let builder = try Self.builder(length: length, objectLimit: objectLimit, budget: budget)
        feed.begin(FillPlace(key: feed.key, varyIndex: nil, length: length), builder: builder)
    }

    func append(_ text: String) throws {
        let bytes = Array(text.utf8)
        try feed.append(bytes.span)
    }

    func spill(_ text: String) {
        let bytes = Array(text.utf8)
        feed.spill(bytes.span)
    }

    /// What the reader that came last is given at that position, or one that comes and goes where nobody reads.
    func read(_ position: Int, atMost limit: Int = .max) -> String {
        withReader { read(position, atMost: limit, by: $0) }
    }

    func read(_ position: Int, atMost limit: Int = .max, by reader: FillFeed.ReaderID) -> String {
        var taken: [UInt8] = []
        let count = feed.read(reader, from: position, atMost: limit) { taken.append($0) }
        return count == taken.count
            ? String(decoding: taken, as: UTF8.self) : "\(count) announced, \(taken.count) given"
    }

    static func builder(
        length: Int?, reserving first: Int? = nil, objectLimit: Int, budget: MemoryBudget
    ) throws(StoredResponseBuilder.Refusal) -> StoredResponseBuilder {
        let head = Array("HTTP/1.1 200 OK\r\n".utf8)
        return try StoredResponseBuilder(
            description(id: 1), keyText: keyText.span, varyNames: Span(), head: head.span, length: length,
            reserving: first, objectLimit: objectLimit, budget: budget)
    }

    static func response(id: UInt64 = 1, body: [UInt8]) -> StoredResponse {
        let head = Array("HTTP/1.1 200 OK\r\n".utf8)
        return StoredResponse.response(
            description(id: id), keyText: keyText.span, varyNames: Span(), head: head.span, body: body.span)!
    }

    private static func description(id: UInt64) -> RecordDescription {
        let facts = [UInt8](repeating: 0, count: StoredFacts.byteCount)
        return RecordDescription(id: id, status: 200, discardAt: .never, facts: StoredFacts(bytes: facts.span)!)
    }
}

extension FillFeed.News {
    /// The case in a word, for comparing.
    var word: String {
        switch self {
        case .none: "none"
        case .head(_, let isWhole): isWhole ? "whole" : "head"
        case .refused(.hitForMiss): "refused, hit for miss"
        case .refused(.ownReason): "refused, own reason"
        case .refused(.oneClient): "refused, one client"
        case .refused(.lookAgain): "refused, look again"
        case .refused(.originFailure(let status)): "refused, \(status.code)"
        case .failed(let cause): "failed, \(cause)"
        case .gone: "gone"
        }
    }
}

extension FillFeed.Reach {
    /// All of it in words, for comparing.
    var words: String {
        var words = ["\(end)"]
        if isWhole { words.append("whole") }
        if isBroken { words.append("broken") }
        if isDropped { words.append("dropped") }
        if let completed { words.append("completed with \(completed.bodyCount)") }
        return words.joined(separator: ", ")
    }
}
