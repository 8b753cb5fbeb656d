// One request from its head to the end of its response. The steps stand here in the order in which a request takes them. A
// step answers with the next one, with "wait" (something that was begun will call `resume(at:)` or one of the callbacks), or
// with "done".
//
// Transactions come with their streams, which the worker's clients keep for reuse: a HIT takes one, and allocates nothing.

import Bytes
import CacheStorage
import Clients
import EventLoop
import HTTPCaching
import HTTPWire
import Origins

/// The steps of a request.
enum Step {
    /// Which route takes it?
    case route
    /// What may the cache do with it?
    case admit
    /// Read the content that the key is made of.
    case readKeyedContent
    case key
    /// Ask the store.
    case lookUp
    /// Use what was found, or fetch.
    case decide
    /// Read from the fill of another request, or begin one that others may read from.
    case join
    /// Ask the origin for what may be stored.
    case fill
    /// Ask the origin past the cache.
    case pass
    /// Respond with what is stored.
    case deliver
}

/// What a step comes to.
enum Progress {
    case next(Step)
    case wait
    case done
}

/// What a request waits for, or is in the middle of. At most one thing at a time, so that whatever ends it releases all there is.
enum Activity {
    case none
    /// Content of the client's, for the key.
    case readingContent
    /// The remote store's reply.
    case lookingUp(StoreTicket)
    /// Its own fill, whose body it may lag behind.
    case filling(Fill)
    /// The head of another request's fill.
    case waiting(FillFeed, FillFeed.ReaderID)
    /// The body of a fill, its own or another request's, as it arrives.
    case reading(FillFeed, FillFeed.ReaderID)
    /// An exchange past the cache.
    case passing(Exchange)
    case tunnel(Tunnel)
}

/// Three parts with one writer each: `request`, which the first steps write; `selection`, which the look-up and the decision
/// write; `served`, which the steps that respond write.
final class Transaction: RequestHandler {
    let worker: Worker
    let cache: Cache
    let fills: FillService
    let writer: ResponseHeadWriter
    var request: AdmittedRequest!
    var selection = Selection()
    var served = ServedResponse()
    var activity = Activity.none
    var reading = ReadingPosition()
    /// When the origin was asked past the cache, by the clock and in the order of invalidations.
    var asked = (time: Instant(secondsSinceEpoch: 0), moment: InvalidationMoment.first)
    /// Trailers of content that was collected.
    var contentTrailers: [UInt8] = []
    /// Tells one request from the next.
    private(set) var number: UInt64 = 0
    /// Nobody sent it: its steps are run to tell what they would come to, up to where the request would act on anybody.
    var explainer: Explainer?

    init(worker: Worker) {
        self.worker = worker
        cache = worker.cache
        fills = worker.fills
        writer = worker.writer
    }

    var runtime: RuntimeConfiguration { request.runtime }
    /// Whether anybody still waits for it: a client that gets its response, or one who wants it explained.
    var isLive: Bool { stream?.isActive == true || explainer != nil }

    // MARK: The loop

    /// Runs steps from `first` on until one waits or the request is done with.
    func resume(at first: Step) {
        var step = first
        while true {
            if let explainer, step.acts { return explainer.end(self, before: step) }
            let progress: Progress =
                switch step {
                case .route: route()
                case .admit: admit()
                case .readKeyedContent: readKeyedContent()
                case .key: composeKey()
                case .lookUp: lookUp()
                case .decide: decide()
                case .join: join()
                case .fill: beginFill()
                case .pass: beginPass()
                case .deliver: deliver()
                }
            switch progress {
            case .next(let next): step = next
            case .wait, .done: return
            }
        }
    }

    /// Keeps the request and its key past this turn. Before anything that waits.
    func detach() { stream?.detach() }

    // MARK: Beginnings

    private func begin() {
        guard let received = stream?.message as? AdmittedRequest else {
            preconditionFailure("a worker's streams receive into requests of its own kind")
        }
        received.begin(in: worker.runtime)
        request = received
    }

    override func requestReceived() {
        begin()
        resume(at: .route)
    }

    override func requestMalformed() {
        begin()
        served.wireFault = stream?.fault
        _ = refuse(.malformed)
    }

    override func headTimedOut() {
        begin()
        _ = refuse(.headTimeout)
    }

    override func clientRejected() {
        begin()
        _ = refuse(.tooManyClients)
    }

    // MARK: Ends

    override func responseSent() { worker.account(self) }

    /// The connection broke; it resets this handler next.
    override func clientGone() {
        served.outcome = .clientGone
        worker.account(self)
    }

    /// Ends the connection within a response, so that the client can tell that it isn't whole.
    func cutShort(_ outcome: Outcome) {
        guard let stream, stream.isActive else { return }
        served.outcome = outcome
        worker.account(self)
        stream.abort()
    }

    /// Releases whatever the request was in the middle of.
    func endActivity() {
        let activity = self.activity
        self.activity = .none
        switch activity {
        case .none, .readingContent: return
        case .lookingUp(let ticket): cache.cancel(ticket)
        case .filling(let fill): fill.readerLeft()
        case .waiting(let feed, let reader), .reading(let feed, let reader):
            worker.stopReading(feed, self)
            feed.leave(reader, tellsFill: true)
        case .passing(let exchange): leave(exchange)
        case .tunnel(let tunnel): tunnel.close()
        }
    }

    override func reset() {
        endActivity()
        number &+= 1
        request = nil
        selection.reset()
        served.reset()
        reading = ReadingPosition()
    }

    // MARK: What comes from the client

    override func contentReceived(_ piece: Span<UInt8>) { takeContent(piece) }
    override func contentEnded(trailers: [UInt8]) { endContent(trailers: trailers) }
    override func contentRefused() { refuseContent() }
    override func tunnelReceived(_ bytes: Span<UInt8>) { if case .tunnel(let tunnel) = activity { tunnel.send(bytes) } }
    override func tunnelEnded() { if case .tunnel(let tunnel) = activity { tunnel.clientEnded() } }

    override func contentTurnEnded() {
        switch activity {
        case .readingContent:
            switch contentProgress() {
            case .next(let step): resume(at: step)
            case .wait, .done: return
            }
        case .passing(let exchange): awaitContent(for: exchange)
        case .none, .lookingUp, .filling, .waiting, .reading, .tunnel: return
        }
    }

    override func streamBlocked() {
        switch activity {
        case .passing(let exchange): exchange.pause()
        case .tunnel(let tunnel): tunnel.pause()
        // What a fill collects is kept whole anyway; what precedes it isn't.
        case .filling(let fill): fill.readerBlocked()
        case .none, .readingContent, .lookingUp, .waiting, .reading: return
        }
    }

    override func streamWritable() {
        switch activity {
        case .passing(let exchange): exchange.resume()
        case .tunnel(let tunnel): tunnel.resume()
        case .filling(let fill):
            fill.readerReady()
            pump(fill.feed, fill.first)
        case .reading(let feed, let reader): pump(feed, reader)
        case .none, .readingContent, .lookingUp, .waiting: return
        }
    }

    override func memoryShort() { cutShort(.clientOverMemory) }
    override func stopping() { cutShort(.stopped) }

    override func deadlinePassed(_ deadline: ClientDeadline) {
        switch deadline {
        case .tunnel: tunnelTimedOut()
        case .wait: waitTimedOut()
        case .room: cutShort(.clientStalled)
        case .content: contentLate(.bodyTimeout)
        case .slowContent: contentLate(.bodyTooSlow)
        }
    }
}
