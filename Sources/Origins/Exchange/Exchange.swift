// The I/O of one request to an origin: it does what its `ExchangeState` says, and tells the state what came of it. What
// becomes of the response is its delegate's affair.

import Bytes
import Configuration
import EventLoop
import HTTPSemantics
import HTTPWire

/// One at a time per request, from ``OriginAccess``, which takes it back when it is over. Belongs to one worker's thread.
package final class Exchange {
    let access: OriginAccess
    /// Who is told. May be changed at any time between two calls, also within one: it is read anew for each.
    package var delegate: (any ExchangeDelegate)?
    var state = ExchangeState()
    var group: UpstreamGroup
    var server: OriginServer?
    var connection: OriginConnection?
    /// The request counts among those that are at the server.
    var isOutstanding = false

    /// The serialised head, with content behind it that is complete; kept until the first byte of a response, for another
    /// try. To be written between the exchange's making and `start()`.
    package var request = ByteBuffer(minimumCapacity: 1024)
    /// What of `request`, or of the content after it, the origin hasn't taken yet.
    var unsent = ByteBuffer(minimumCapacity: 64)
    var unsentStart = 0
    var contentFraming = BodyFraming.none
    /// The line with a chunk's size, while it is sent.
    var chunkLine = ByteBuffer(minimumCapacity: 64)

    var head = ResponseHead()
    var partialHead = ByteBuffer(minimumCapacity: 64)

    init(access: OriginAccess, group: UpstreamGroup) {
        self.access = access
        self.group = group
    }

    /// Makes it ready for a request; memory is kept.
    func prepare(
        group: UpstreamGroup, method: Method, content: BodyFraming, isRequestComplete: Bool,
        acceptsUpgrade: Bool, delegate: any ExchangeDelegate
    ) {
        precondition(connection == nil, "only an exchange that is over serves again")
        state.begin(
            ExchangeState.Request(
                method: method, isComplete: isRequestComplete, acceptsUpgrade: acceptsUpgrade,
                serverCount: group.servers.count, retries: group.settings.retries))
        self.group = group
        self.delegate = delegate
        contentFraming = content
        server = nil
        request.removeAll(keepingUpTo: 8192)
        unsent.removeAll(keepingUpTo: 4096)
        unsentStart = 0
        partialHead.removeAll(keepingUpTo: 4096)
    }

    // MARK: What the delegate asks

    package var isEnded: Bool { state.phase == .ended }
    /// Whether the request has a connection to go out on.
    package var isConnected: Bool { state.isConnected }
    /// Whether more of the content can be taken now.
    package var takesContent: Bool { state.takesContent }
    /// Bytes of the body that are still to come, while one of a known length arrives.
    package var remainingLength: UInt64? { state.remainingLength }
    /// Trailer fields of a chunked response that is complete, as lines.
    package var trailers: [UInt8] { state.trailers }

    // MARK: What the delegate does

    /// Begins with what stands in `request`.
    package func start() { chooseServer() }

    /// Stops reading while what was read can't be passed on: the origin is slowed by its own socket.
    package func pause() { if state.pause() { awaitOrigin() } }

    package func resume() { if state.resume() { awaitOrigin() } }

    /// Gives it back to its worker's ``OriginAccess``, which stops it where it hasn't ended.
    package func retire() { access.retire(self) }

    /// Stops, where it hasn't ended. The delegate is not called.
    func cancel() {
        guard state.phase != .ended else { return }
        leaveConnection()
        state.cancelled()
    }

    // MARK: What the state says

    func perform(_ action: ExchangeAction) {
        switch action {
        case .wait: break
        case .chooseServer(let blamesServer):
            leaveServer(blamesServer)
            chooseServer()
        case .sendAgain(let blamesServer):
            leaveServer(blamesServer)
            access.retries += 1
            chooseServer()
        case .connect: connect()
        case .sendRequest: sendRequest()
        case .sendRequestAndContent: sendRequestAndContent()
        case .readWhatIsThere: connection?.wait(for: .read)
        case .readOn: connection?.setDeadline(afterMilliseconds: group.settings.betweenBytesTimeout.rawValue)
        case .finish(let reusesConnection):
            releaseConnection(isReusable: reusesConnection)
            delegate?.exchangeEnded(self)
        case .fail(let failure, let blamesServer):
            leaveServer(blamesServer)
            delegate?.exchange(self, failed: failure)
        case .begin, .deliver: preconditionFailure("bytes are handed on where they were read")
        }
    }

    /// The connection waits for what the state says.
    func awaitOrigin() {
        guard let connection, connection.isOpen else { return }
        let interest = state.interest
        connection.wait(
            for: interest.writes
                ? (interest.reads ? .readAndWrite : .write) : (interest.reads ? .read : .none))
        let settings = group.settings
        switch interest.timeout {
        case .none: connection.clearDeadline()
        case .firstByte: connection.setDeadline(afterMilliseconds: settings.firstByteTimeout.rawValue)
        case .betweenBytes: connection.setDeadline(afterMilliseconds: settings.betweenBytesTimeout.rawValue)
        case .unchanged: break
        }
    }

    // MARK: Leaving a connection

    private func leaveServer(_ blamesServer: Bool) {
        if blamesServer { server?.noteFailure(now: access.loop.now) }
        leaveConnection()
    }

    private func leaveConnection() {
        guard let connection else { return }
        self.connection = nil
        noteNotOutstanding()
        access.discard(connection)
    }

    private func releaseConnection(isReusable: Bool) {
        guard let connection else { return }
        self.connection = nil
        noteNotOutstanding()
        if isReusable {
            access.release(connection, settings: group.settings)
        } else {
            access.discard(connection)
        }
    }

    private func noteNotOutstanding() {
        guard isOutstanding else { return }
        isOutstanding = false
        server?.outstanding.wrappingSubtract(1, ordering: .relaxed)
    }
}
