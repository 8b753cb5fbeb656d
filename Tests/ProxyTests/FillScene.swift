import Bytes
import CacheStorage
import Clients
import Configuration
import EventLoop
import HTTPCaching
import HTTPSemantics
import HTTPWire
import Origins
import Testing

@testable import Proxy

// One worker's fills without sockets: a real cache over memory, a script in place of every exchange, readers that note what
// they are told. The clock stands still, since a loop without events reads it once: what is stale says so by its Age.

/// What becomes of a request, as far as fills go.
enum Asked {
    /// Answered from the store.
    case hit(StoredResponse)
    /// It began a fill, and reads from it.
    case began(Fill)
    /// It reads along with another request's fill.
    case joined(FillFeed)
    /// Nothing can be shared with it: it has a fill of its own, which nobody else finds.
    case alone(Fill)
}

final class FillScene {
    /// Has no events: to run it is one turn's end.
    let loop = EventLoop(inputCapacity: 4096)
    let cache: Cache
    let budget: MemoryBudget
    let table = FillTable()
    let rules = SearchRules()
    let service: FillService
    let runtime: RuntimeConfiguration
    /// In the order in which they were made.
    private(set) var sources: [ScriptedSource] = []
    private(set) var readers: [ScriptedReader] = []

    /// Carries notices to the worker, and to one more on which others read.
    private let mail = EventLoop(inputCapacity: 4096)
    private let stop = Mailbox<Void>()
    private let otherMailbox = Mailbox<FillFeed.Notice>()
    private var deliveries: [Socket] = []
    private var hasHeard = false

    /// What a remote store has at the key of whoever asks.
    var sight = StoreSight.unknown

    /// What a response without a `Date` is given.
    var date = "Date: Sun, 06 Nov 2044 08:49:37 GMT\r\n"

    init(
        objectLimit: Int = 1 << 20, budget: Int = 64 << 20, usesMemory: Bool = true,
        remote: (any RemoteStore)? = nil, variants: Int = 100,
        _ change: (inout CacheSettings) -> Void = { _ in }
    ) throws {
        var configuration = try Configuration.quick(upstream: "http://127.0.0.1:1")
        var settings = configuration.routes[0].cache!
        settings.clientControl = .honour
        change(&settings)
        configuration.routes[0].cache = settings
        configuration.limits.variants = variants
        runtime = try RuntimeConfiguration(
            configuration, groups: configuration.upstreams.map { UpstreamGroup(settings: $0) }, largestHead: 32 << 10)
        cache = Cache(SharedStores(memoryBytes: 64 << 20), objectLimit: objectLimit)
        cache.open(usesMemory: usesMemory, copyLifetime: 0) { remote }
        self.budget = MemoryBudget(bytes: budget)
        service = FillService(
            index: 0, loop: loop, cache: cache, budget: self.budget, table: table, searchRules: rules,
            dateLine: { [] },
            makeSource: { _, _ in preconditionFailure("replaced below") })
        // A timer would keep the loop waiting.
        service.interimHoldMilliseconds = nil
        service.dateLine = { [unowned self] in Array(date.utf8) }
        service.makeSource = { [unowned self] asked, fill in
            let source = ScriptedSource(asked, of: fill)
            sources.append(source)
            return source
        }
        deliveries = [
            service.mailbox.deliver(on: mail) { [unowned self] in hear($0, worker: 0) },
            otherMailbox.deliver(on: mail) { [unowned self] in hear($0, worker: 1) },
            stop.deliver(on: mail) { [unowned self] in mail.stop() },
        ]
    }

    deinit {
        for delivery in deliveries { delivery.close() }
        // What was closed is freed at the end of a turn.
        mail.run()
    }

    private func hear(_ notice: FillFeed.Notice, worker: Int) {
        hasHeard = true
        switch notice {
        case .moved(let feed):
            feed.acknowledge(worker: worker)
            for reader in readers where reader.worker == worker { reader.moved(feed) }
        case .needsFill(let feed): service.needsFill(feed)
        case .keyChanged(let key): service.keyHasChanged(key)
        }
    }

    /// The turn ends, and everybody hears what there is to hear.
    func settle() {
        repeat {
            hasHeard = false
            loop.run()
            stop.post(())
            mail.run()
        } while hasHeard
    }

    // MARK: Requests

    func request(
        _ target: String = "/a", method: String = "GET", with fields: [String] = [], content: String = ""
    ) throws -> AdmittedRequest {
        var lines = ["\(method) \(target) HTTP/1.1", "Host: api.example"] + fields
        if !content.isEmpty { lines.append("Content-Length: \(content.utf8.count)") }
        let bytes = Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
        let request = AdmittedRequest(described: bytes.span, on: loop, runtime)
        #expect(try request.head.parse(bytes.span, limits: HeadLimits()))
        request.content = Array(content.utf8)
        guard
            case .matched(let match) = runtime.table.match(
                request.bytes, host: request.head.authority, path: request.head.path)
        else { preconditionFailure("the one route takes everything") }
        request.match = match
        request.entry = runtime.entries[match.route]
        request.noteFacts()
        return request
    }

    /// What memory has for a request, and the key that it is found by.
    func select(_ request: AdmittedRequest) -> Selection {
        var selection = Selection()
        selection.keys.compose(request, &service.composer, rules)
        var found = peek(&selection.keys)
        if let index = found, index.kind == .varyIndex {
            var list = 0
            repeat {
                selection.keys.selectVariant(
                    by: index, list: list, request, &service.composer, &service.variantText)
                found = peek(&selection.keys)
                list += 1
            } while found == nil && selection.keys.hasMoreLists
            if found == nil && list > 1 {
                selection.keys.selectVariant(by: index, request, &service.composer, &service.variantText)
                selection.keys.keepText(service.composer)
            }
        }
        if let found, selection.keys.isUsable(found) { selection.stored = found }
        return selection
    }

    private func peek(_ keys: inout KeySelection) -> StoredResponse? {
        keys.keepText(service.composer)
        let text = keys.text
        return cache.peekInMemory(keys.key, keyText: text.span, now: service.wallTime)
    }

    /// What a request would be answered from.
    func stored(_ target: String = "/a", for fields: [String] = []) throws -> StoredResponse? {
        select(try request(target, with: fields)).stored
    }

    /// The body of what is stored.
    func body(_ target: String = "/a", for fields: [String] = []) throws -> String? {
        try stored(target, for: fields)?.bodyText
    }

    /// Handles a request as a worker's transaction does: from the store, by another request's fill, or by its own.
    @discardableResult
    func ask(
        _ reader: ScriptedReader, _ target: String = "/a", method: String = "GET", with fields: [String] = [],
        content: String = "", isBehind: Bool = false
    ) throws -> Asked {
        let request = try request(target, method: method, with: fields, content: content)
        var selection = select(request)
        selection.sight = sight
        var waits = true
        if let stored = selection.stored {
            if stored.kind == .partial {
                if answers(request, with: stored) { return .hit(stored) }
                selection.stored = nil
                selection.partial = missing(of: stored, request)
                waits = selection.partial.map { $0.missing == nil || $0.completes } ?? true
            } else {
                let verdict = reuseVerdict(
                    stored: stored.facts, request: request.facts, policy: request.policy!, now: service.instant)
                switch verdict {
                case .fresh, .stale, .bypass, .refuse: return .hit(stored)
                case .validate(let reason, _, let fallback):
                    selection.isValidating = stored.facts.hasValidator
                    selection.fallback = fallback
                    waits = reason == .stale || reason == .mustRevalidate
                }
            }
        }
        reader.scene = self
        reader.request = request
        readers.append(reader)
        guard waits else { return .alone(begin(reader, request, selection, newFeed(request, selection), false)) }
        let keys = selection.keys
        let role = service.join(
            request, selection, isBehind: isBehind, worker: reader.worker,
            mailbox: reader.worker == 0 ? service.mailbox : otherMailbox)
        switch role {
        case .alone(let isHitForMiss):
            return .alone(
                begin(reader, request, selection, newFeed(request, selection), false, isExpected: !isHitForMiss))
        case .lookAgain: preconditionFailure("a scene's stores are never asked before they have a response")
        case .begin(let feed): return .began(begin(reader, request, selection, feed, true))
        case .read(let feed, let identifier):
            reader.wait(for: feed, as: identifier)
            return .joined(feed)
        }
    }

    private func newFeed(_ request: AdmittedRequest, _ selection: Selection) -> FillFeed {
        service.newFeed(selection.keys, isPersonal: FillService.isPersonal(request))
    }

    private func begin(
        _ reader: ScriptedReader, _ request: AdmittedRequest, _ selection: Selection, _ feed: FillFeed,
        _ isPublished: Bool, isExpected: Bool = true
    ) -> Fill {
        let fill = Fill(
            service, feed: feed, isPublished: isPublished, purpose: .request, request, request.facts, selection,
            reader: reader)
        fill.isExpectedToBeStored = isExpected
        reader.fill(fill)
        fill.start()
        return fill
    }

    /// Whether a part that is stored is all that is asked for.
    private func answers(_ request: AdmittedRequest, with record: StoredResponse) -> Bool {
        guard let known = PartialResponse(record), let value = request.rangeThatCounts(for: record) else {
            return false
        }
        if case .answer = known.reuse(for: RangeRequest(field: request.bytes.extracting(value))) { return true }
        return false
    }

    private func missing(of record: StoredResponse, _ request: AdmittedRequest) -> PartialFetch? {
        guard let known = PartialResponse(record) else { return nil }
        var partial = PartialFetch(known: known)
        var range = RangeRequest.ignored
        if let value = request.rangeThatCounts(for: record) {
            range = RangeRequest(field: request.bytes.extracting(value))
        }
        if case .fetch(let missing, let toAnswer) = known.reuse(for: range) {
            partial.missing = missing
            partial.toAnswer = toAnswer
        }
        return partial
    }

    /// Begins a refresh of what is stored, in the background; nil where none may begin.
    func refresh(_ target: String = "/a") throws -> Fill? {
        let request = try request(target)
        var selection = select(request)
        let stored = try #require(selection.stored)
        selection.isValidating = stored.facts.hasValidator
        let feed = table.beginRefresh(
            selection.keys.key, now: loop.now, asked: MonotonicTime(milliseconds: .max), known: stored,
            make: { service.newFeed(selection.keys) })
        guard let feed else { return nil }
        let fill = Fill(
            service, feed: feed, isPublished: true, purpose: .refresh, request, request.facts, selection, reader: nil)
        fill.start()
        return fill
    }

    /// Stores a response by an ordinary request; the scene is as empty as before after that.
    @discardableResult
    func store(
        _ target: String = "/a", for fields: [String] = [], head: String = "200 OK", with response: [String],
        body: String
    ) throws -> StoredResponse {
        try ask(ScriptedReader(), target, with: fields)
        source.head(head, response + ["Content-Length: \(body.utf8.count)"])
        source.piece(body)
        source.end()
        settle()
        readers = []
        sources = []
        return try #require(try stored(target, for: fields))
    }

    /// Makes what is stored so many seconds older. When it was asked for stays: what is known of its key since may be later.
    @discardableResult
    func age(_ target: String = "/a", by seconds: Int64) throws -> StoredResponse {
        let selection = select(try request(target))
        let stored = try #require(selection.stored)
        var description = stored.description
        description.facts.responseTime.milliseconds -= seconds * 1000
        description.facts.date.milliseconds -= seconds * 1000
        guard let aged = stored.refreshed(description, head: stored.head) else { return stored }
        cache.put(selection.keys.key, aged, now: service.wallTime)
        return aged
    }

    /// A scene with a stale response, whose entity-tag is "1" and whose body is "old".
    static func stale(_ change: (inout CacheSettings) -> Void = { _ in }) throws -> FillScene {
        let scene = try FillScene(change)
        try scene.store(with: ["Cache-Control: max-age=60", "ETag: \"1\"", "X-Old: 1"], body: "old")
        try scene.age(by: 70)
        return scene
    }

    /// What an origin sends to one client and means for no other.
    static let forOneClient: [(status: String, fields: [String])] = [
        ("400 Bad Request", []), ("401 Unauthorized", ["WWW-Authenticate: Basic"]), ("403 Forbidden", []),
        ("405 Method Not Allowed", []), ("408 Request Timeout", []), ("429 Too Many Requests", []),
        ("302 Found", ["Location: /login"]), ("303 See Other", ["Location: /login", "Cache-Control: no-store"]),
        ("200 OK", ["Cache-Control: private, max-age=60"]), ("200 OK", ["Cache-Control: no-store"]),
        ("200 OK", ["Cache-Control: max-age=60", "Set-Cookie: a=b"]),
        ("200 OK", ["Cache-Control: max-age=60", "Vary: *"]),
    ]

    /// The script that was asked last.
    var source: ScriptedSource { sources.last! }

    func invalidate(_ key: CacheKey) { cache.invalidate([key], at: service.wallTime) }

    // MARK: Ends

    /// Fills under way.
    var running: Int {
        let fills = Mirror(reflecting: service).descendant("running") as? [ObjectIdentifier: Fill]
        return fills?.count ?? -1
    }

    /// What is left of fills once all are over; empty if all is as it should be.
    var leftovers: [String] {
        settle()
        var left: [String] = []
        if running != 0 { left.append("\(running) fills run") }
        if service.refreshing != 0 { left.append("\(service.refreshing) refreshes run") }
        if table.counts.fills != 0 { left.append("\(table.counts.fills) fills in the table") }
        if budget.arriving != 0 { left.append("\(budget.arriving) bytes of the budget in use") }
        for (number, source) in sources.enumerated() where !source.isStopped && !source.isTaken {
            left.append("source \(number) still open")
        }
        for (number, source) in sources.enumerated() where source.hasFill { left.append("fill \(number) is held") }
        for (number, reader) in readers.enumerated() where reader.ends.count != 1 {
            left.append("reader \(number) was told its end \(reader.ends.count) times")
        }
        return left
    }
}

extension StoredResponse {
    var headText: String { head.text() }
    var bodyText: String { body.text() }
}
