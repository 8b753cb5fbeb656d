// An exchange's first part: choosing an address, and a connection to it. Whatever fails before a byte was sent goes on with
// the next address, whatever the method. All of it, names that must be looked up included, has one time-out.

import Configuration
import EventLoop

extension Exchange {
    /// An address has at least this long to accept a connection.
    private static let leastConnectMilliseconds: Int64 = 250

    /// Begins an attempt to send the request.
    func beginReaching() {
        connectDeadline = access.loop.now.advanced(byMilliseconds: limits.connect)
        chooseServer()
    }

    func chooseServer() {
        // The last of many addresses may be tried a little beyond the deadline, not all of them.
        guard tried.count < 2 || access.loop.now < connectDeadline else { return perform(state.noServerLeft()) }
        switch access.choose(for: self) {
        case .none where startsOver, .names where startsOver:
            // No other address could be chosen for a retry.
            startsOver = false
            tried.removeAll(keepingCapacity: true)
            chooseServer()
        case .none: perform(state.noServerLeft())
        case .names(let lookAgain):
            state.locationAsked()
            access.awaitName(self, until: connectDeadline, lookAgain: lookAgain)
        case .endpoint(let endpoint, let server, let isTrial):
            self.server = server
            self.endpoint = endpoint
            self.isTrial = isTrial
            startsOver = false
            attemptBegan = access.loop.now
            tried.append(endpoint.slot)
            reach(endpoint, of: server)
        }
    }

    /// The look-up of a name has ended.
    func located() { perform(state.located()) }

    /// No address has become known in time.
    func nameTimedOut() { perform(state.nameTimedOut(hasFailed: group.hasFailedName)) }

    private func reach(_ endpoint: Endpoint, of server: OriginServer) {
        if server.multiplexes(endpoint, in: group, now: access.loop.now), !state.offersUpgrade || server.address.isH2C {
            return reachStream(endpoint, of: server)
        }
        let maximumAge = group.settings.maxConnectionAge
        while state.mayUseIdleConnection, let idle = access.takeConnection(to: endpoint, maximumAge: maximumAge) {
            // The server may have closed it, or sent what nobody asked for, and the loop hasn't told yet.
            guard idle.wasSilentWhenPolled || access.isSilent(idle) else {
                access.discard(idle)
                continue
            }
            idle.user = self
            return use(.connection(idle))
        }
        guard access.mayOpen(to: endpoint, limit: group.settings.maxConnections) else {
            return perform(state.connectionLimitReached())
        }
        let (channel, isReady) = access.channel(to: endpoint, of: server, in: group)
        guard isReady else { return perform(state.lacksResources()) }
        switch access.startConnecting(to: endpoint) {
        case .failed(let code):
            connectError = code
            perform(isOwnShortage(code) ? state.lacksResources() : state.refused())
        case .connected(let descriptor):
            let connection = access.open(
                descriptor, isConnected: true, to: endpoint, of: server, channel: channel, user: self)
            guard channel != nil else { return use(.connection(connection)) }
            giveTime(to: .connection(connection))
            connection.beginSecuring()
        case .underWay(let descriptor):
            let connection = access.open(
                descriptor, isConnected: false, to: endpoint, of: server, channel: channel, user: self)
            giveTime(to: .connection(connection))
            connection.wait(for: .write)
        }
    }

    private func reachStream(_ endpoint: Endpoint, of server: OriginServer) {
        // RFC 9113 §8.6: HTTP/2 has no such thing.
        guard !state.offersUpgrade else { return perform(state.upgradeImpossible()) }
        switch access.openStream(
            to: endpoint, of: server, in: group, avoidsIdle: !state.mayUseIdleConnection, for: self)
        {
        case .open(let stream): use(.stream(stream))
        case .waiting(let stream): giveTime(to: .stream(stream))
        case .connectionLimitReached: perform(state.connectionLimitReached())
        case .lacksResources: perform(state.lacksResources())
        case .failed(let code):
            connectError = code
            perform(isOwnShortage(code) ? state.lacksResources() : state.refused())
        }
    }

    /// The connection, with TLS if that is to be spoken, has its time to come about.
    private func giveTime(to carrier: OriginCarrier) {
        self.carrier = carrier
        state.connecting()
        carrier.setDeadline(afterMilliseconds: connectTime)
    }

    /// How long the address may take to accept the connection: its share of what is left, in milliseconds. An address that
    /// swallows connections leaves the others time enough.
    private var connectTime: Int64 {
        let now = access.loop.now
        let left = connectDeadline.milliseconds(since: now)
        let others = group.untriedCount(excluding: tried, now: now)
        return max(left / Int64(others + 1), Self.leastConnectMilliseconds)
    }

    /// Sends the request.
    func use(_ carrier: OriginCarrier) {
        self.carrier = carrier
        isOutstanding = true
        server?.outstanding.wrappingAdd(1, ordering: .relaxed)
        server?.requests.wrappingAdd(1, ordering: .relaxed)
        endpoint?.outstanding.wrappingAdd(1, ordering: .relaxed)
        unsent.removeAll()
        unsentStart = 0
        // An earlier attempt may have ended within a head.
        partialHead.removeAll()
        holdsHeads = false
        connectionNumber &+= 1
        head.reset()
        perform(state.connected(isReused: carrier.isReused, mayBeGivenBack: carrier.isStream))
    }
}

extension Exchange: OriginConnectionUser {
    func connectionOpened(_ connection: OriginConnection) {
        connection.clearDeadline()
        use(.connection(connection))
    }

    func connectionRefused(_ connection: OriginConnection, _ code: Int32) {
        connectError = code
        perform(state.refused())
    }

    func connectionInsecure(_ connection: OriginConnection, _ fault: HandshakeFault) {
        handshakeFault = fault
        if case .untrusted = fault.kind { return perform(state.refused(.untrusted)) }
        perform(state.refused(.handshakeFailed))
    }

    func connectionReadable(_ connection: OriginConnection) { read(from: .connection(connection)) }

    func connectionWritable(_ connection: OriginConnection) { sendUnsent() }

    func connectionDeadlinePassed(_ connection: OriginConnection) { perform(state.deadlinePassed()) }
}

extension Exchange: OriginStreamUser {
    func streamOpened(_ stream: OriginStream) {
        stream.clearDeadline()
        use(.stream(stream))
    }

    func streamRefused(_ stream: OriginStream, _ failure: OriginStream.NoConnection) {
        carrier = nil
        switch failure {
        case .refused(let code):
            connectError = code
            perform(state.refused())
        case .insecure(let fault):
            handshakeFault = fault
            if case .untrusted = fault.kind { return perform(state.refused(.untrusted)) }
            perform(state.refused(.handshakeFailed))
        case .speaksHTTP1(let connection):
            guard let connection else {
                guard let endpoint, let server else { return }
                return reach(endpoint, of: server)
            }
            connection.user = self
            use(.connection(connection))
        case .full:
            guard let endpoint, let server, access.loop.now < connectDeadline else {
                return perform(state.deadlinePassed())
            }
            reach(endpoint, of: server)
        case .closed: perform(state.refused(.closedEarly))
        case .lost(let isUnserved):
            access.streamCounters.givenBack += 1
            perform(state.broke(isUnserved ? .unserved : .unprocessed))
        }
    }

    func streamReadable(_ stream: OriginStream) { read(from: .stream(stream)) }
    func streamWritable(_ stream: OriginStream) { sendUnsent() }
    func streamDeadlinePassed(_ stream: OriginStream) {
        noteHeldBack()
        perform(state.deadlinePassed())
    }
}
