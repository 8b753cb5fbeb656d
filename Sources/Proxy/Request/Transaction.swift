// One request from its head to the end of its answer. The steps stand here in the order in which a request takes them;
// each lives in a file of its own. A step answers with the next one, with "wait" (something that was begun will call
// `resume(at:)` or one of the callbacks), or with "done".
//
// Transactions belong to their worker, which keeps finished ones for reuse: a hit takes one, and allocates nothing.

import Bytes
import CacheStorage
import EventLoop
import HTTPCaching
import HTTPSemantics
import HTTPWire
import Origins
import Routing

/// The steps of a request.
enum Step {
    /// Which route takes it?
    case route
    /// What may the cache do with it?
    case admit
    /// Read the content that the key is made of.
    case readKeyedBody
    case key
    /// Ask the store.
    case lookUp
    /// Use what was found, or fetch.
    case decide
    /// Wait for the fetch of another request, or begin one that others may wait for.
    case join
    /// Ask the origin: for the whole, to validate, or past the cache.
    case fetch
    /// Hand out what is stored.
    case deliver
}

/// What a step comes to.
enum Progress {
    case next(Step)
    case wait
    case done
}

final class Transaction {
    let worker: Worker
    /// Nil while it rests, and while it fetches without one.
    var client: Client?
    var peer = PeerAddress.unix
    var runtime: RuntimeConfiguration

    // The request.
    var head = RequestHead()
    /// The head's bytes, once they had to be kept past the turn that read them.
    var headCopy = ByteBuffer(minimumCapacity: 1024)
    var isDetached = false
    /// Where the head begins in the loop's input buffer, while it isn't detached, and where the input ends.
    var inputStart = 0
    var inputEnd = 0
    var began = MonotonicTime(milliseconds: 0)
    var content = RequestContent()
    var match: RouteMatch?
    var entry: RouteEntry?
    var facts = RequestFacts(method: .get)
    var scheme = URIScheme.http

    // The key and what it found.
    var key = CacheKey(high: 0, low: 0)
    /// The key text, once it had to be kept past the turn.
    var keyText = ByteBuffer(minimumCapacity: 256)
    var isKeyTextKept = false
    /// A variant's key text begins with the plain one.
    var plainTextCount = 0
    var plainKey = CacheKey(high: 0, low: 0)
    /// The rule by which the query is a part of the key, where the path has one.
    var search: SearchRule?
    var marker: StoredResponse?
    var stored: StoredResponse?
    var reason: Reason?
    var fallback: StaleFallback = []
    var lookupTicket: StoreTicket?
    var number: UInt64 = 0

    // What it shares with others.
    var flight: Flight?
    var part = FlightPart.none
    /// How many flights it has waited for.
    var waits = 0
    /// Whether its answer is another request's too; nil where that was not tried.
    var isCollapsed: Bool?
    /// Why it was not, where that is worth telling.
    var aloneReason: Reason?
    /// When the store was asked, where that takes time.
    var asked = MonotonicTime(milliseconds: .max)
    /// How much of a body that is kept for others too has gone out to this client, and how much has arrived.
    var position = 0
    var arrived = 0
    /// What arrives is kept whole, for the store and for others.
    var isCollecting = false
    /// It could not be kept whole: the origin is read on when everybody has what there is.
    var isNarrow = false
    /// The origin waits for this leader's client.
    var isHeldUp = false
    var caughtUpAt = -1
    /// What is collected is to be put into the stores.
    var isToBeStored = false
    /// The client's own conditions are answered once the response is whole.
    var isHeldBack = false
    /// Parts that are asked for, or that arrive.
    var partial: PartialFetch?
    /// What a POST's answer is to later GETs.
    var forGet: GetRecord?
    /// The target was changed by somebody else while the POST was under way.
    var isGetOvertaken = false
    /// What was stored when the origin was asked.
    var superseded: StoredResponse?
    /// There is no client: nobody waits but followers, and the store.
    var isUnattended = false
    /// It was begun without one, to renew what is stored.
    var isRefresh = false
    /// Nobody sent it: its steps are run to tell what they would come to, up to where the request would act on anybody.
    var explainer: Explainer?

    // The answer.
    var exchange: Exchange?
    var isValidating = false
    /// Why the origin was asked, and what it said where the client gets something else; for `Cache-Status`.
    var forward: CacheStatus.Forward?
    var forwardStatus: Status?
    var fetchBegan = Instant(secondsSinceEpoch: 0)
    var fetchStarted = InvalidationMoment.first
    /// Why the answer is not stored, where it might have been.
    var notStoredReason: Reason?
    var storedHeadHasLength = false
    /// A 304 has renewed what is stored, or is to be asked for anew: the fetch that brought it is of no further interest.
    var isRenewed = false
    var output = ClientOutput()
    var verdict = CacheVerdict.none
    var outcome = Outcome.own
    var wireFault: WireError?
    var status = 0
    var bodyBytes = 0
    var isTunnel = false

    init(worker: Worker) {
        self.worker = worker
        runtime = worker.runtime
    }

    /// The bytes that `head` was parsed from.
    var bytes: Span<UInt8> {
        @_lifetime(borrow self)
        get {
            if isDetached { return unsafe _overrideLifetime(headCopy.span, borrowing: self) }
            let input = worker.loop.input
            return unsafe _overrideLifetime(input.span(count: inputEnd).extracting(inputStart...), borrowing: self)
        }
    }

    /// Starts on a request whose head was parsed from the input buffer at `start`; what follows the head there, up to
    /// `end`, is content or the next request.
    func begin(client: Client, start: Int, end: Int) {
        self.client = client
        inputStart = start
        inputEnd = end
        began = worker.loop.now
        content.begin(head.framing)
        worker.counters.requests += 1
        resume(at: .route)
    }

    /// Runs steps from `first` on until one waits or the request is done with.
    func resume(at first: Step) {
        var step = first
        while true {
            if let explainer, step.acts { return explainer.end(self, before: step) }
            let progress: Progress =
                switch step {
                case .route: route()
                case .admit: admit()
                case .readKeyedBody: readKeyedBody()
                case .key: composeKey()
                case .lookUp: lookUp()
                case .decide: decide()
                case .join: join()
                case .fetch: startFetch()
                case .deliver: deliver()
                }
            switch progress {
            case .next(let next): step = next
            case .wait, .done: return
            }
        }
    }

    /// Keeps the head and the key past this turn, and leaves what follows the head to the client. Before anything that
    /// waits.
    func detach() {
        guard !isDetached else { return }
        let end = inputStart + head.length
        let input = worker.loop.input
        headCopy.removeAll()
        headCopy.append(input.span(count: end).extracting(inputStart...))
        if end < inputEnd { client?.keep(input.span(count: inputEnd).extracting(end...)) }
        isDetached = true
        client?.clearDeadline()
        if let client { peer = client.peer }
    }

    /// Readies it for its next request; memory is kept, references aren't.
    func reset() {
        if let ticket = lookupTicket { worker.cache.cancel(ticket) }
        endFetch()
        leaveFlight()
        client = nil
        runtime = worker.runtime
        head.reset()
        headCopy.removeAll(keepingUpTo: 8192)
        isDetached = false
        content = RequestContent()
        match = nil
        entry = nil
        facts = RequestFacts(method: .get)
        scheme = .http
        keyText.removeAll(keepingUpTo: 4096)
        search = nil
        marker = nil
        stored = nil
        reason = nil
        fallback = StaleFallback(rawValue: 0)
        lookupTicket = nil
        number &+= 1
        isValidating = false
        forward = nil
        forwardStatus = nil
        notStoredReason = nil
        storedHeadHasLength = false
        isRenewed = false
        waits = 0
        isCollapsed = nil
        aloneReason = nil
        asked = MonotonicTime(milliseconds: .max)
        position = 0
        arrived = 0
        isCollecting = false
        isNarrow = false
        isHeldUp = false
        caughtUpAt = -1
        isToBeStored = false
        isHeldBack = false
        partial = nil
        superseded = nil
        forGet = nil
        isGetOvertaken = false
        isUnattended = false
        isRefresh = false
        plainTextCount = 0
        output.reset()
        verdict = .none
        outcome = .own
        wireFault = nil
        status = 0
        bodyBytes = 0
        isTunnel = false
    }
}
