// What a worker counts. Each worker has its own, plain integers on its thread; a report is a copy, summed by whoever asks.

import Bytes
import CacheStorage
import Clients
import HTTPCaching
import HTTPWire
import Origins

/// Counters of one route.
package struct RouteCounters: Sendable {
    package var requests = 0
    package var hits = 0
    package var stores = 0
    /// Requests that got 503 because the store was down (`on_store_down`).
    package var heldBack = 0
    package var bytes = 0

    package init() {}
}

/// All counters of one worker. They only grow, but for the gauges, which are set when a report is made.
package struct Counters: Sendable {
    package var requests = 0
    package var outcomes = [Int](repeating: 0, count: Outcome.allCases.count)
    package var reasons = [Int](repeating: 0, count: Reason.allCases.count)
    package var wireFaults = [Int](repeating: 0, count: WireError.Reason.allCases.count)
    /// Responses by the hundreds of their status: index 1 to 5.
    package var statusClasses = [Int](repeating: 0, count: 6)
    package var routes: [RouteCounters] = []

    package var accepted = 0
    package var acceptFailures = 0
    /// Connections closed for want of a PROXY protocol header.
    package var proxyHeadersRefused = 0
    /// TLS handshakes with clients: completed, and of those resumed; failed; and those that made room for others.
    package var handshakes = 0
    package var handshakesResumed = 0
    package var handshakesFailed = 0
    package var handshakesDropped = 0
    /// Clients that were closed at once, there being far too many.
    package var turnedAway = 0
    package var idleClosed = 0
    package var tunnelsTimedOut = 0
    package var requestsPerConnectionReached = 0
    package var bytesToClients = 0
    /// What is particular to HTTP/2.
    package var http2 = HTTP2Counters()
    package var bytesFromOrigins = 0
    package var stored = 0
    package var storedBytes = 0
    package var storeRefused = 0
    package var invalidated = 0
    package var groupsInvalidated = 0
    package var placesInvalidated = 0
    /// Variants that took the place of older ones, there being as many of one key as the limit allows.
    package var variantsReached = 0
    package var retries = 0
    /// Requests that were served from another one's fill.
    package var collapsed = 0
    /// Requests that waited for another one's fill as long as they may.
    package var waitsTimedOut = 0
    /// Looks at a key in Redis where another instance's fetch was under way.
    package var claimWaits = 0
    /// Fetches that took the place of another instance's, which had ended without a response.
    package var takeovers = 0
    /// Refreshes in the background.
    package var refreshes = 0
    /// Refreshes that were not begun as too many were under way.
    package var refreshesSkipped = 0
    /// Fetches that went on without their client.
    package var fetchesLeftBehind = 0
    /// Those that ended after all, for lack of time or as too many were without a client.
    package var fetchesLeftUnfinished = 0
    /// Writes to Redis during which the response couldn't be used, as too many were under way.
    package var writesUnshared = 0
    /// Clients that were dropped because others waited for them.
    package var slowReadersDropped = 0
    package var logLinesDropped = 0
    /// Responses that were compressed, with their bytes before and after.
    package var compressed = 0
    package var compressedFrom = 0
    package var compressedTo = 0
    /// Stored responses that were brought into another coding.
    package var recoded = 0
    /// Responses that were not compressed, for want of memory.
    package var leftUncompressed = 0

    // Gauges
    package var clients = 0
    package var activeRequests = 0
    package var originConnections = 0
    package var idleOriginConnections = 0
    package var originConnects = 0
    package var originReuses = 0
    /// Connections closed because of their age, or because their address had left the server's name.
    package var originRetirements = 0
    package var originHTTP2 = StreamFigures()
    /// Refreshes in the background that are under way.
    package var refreshing = 0
    package var remote = RemoteStoreFigures()

    package init() {}

    /// Adds what a worker's clients, exchanges and fills have counted.
    mutating func add(_ other: ClientCounters) {
        accepted += other.accepted
        acceptFailures += other.acceptFailures
        proxyHeadersRefused += other.proxyHeadersRefused
        handshakes += other.handshakes
        handshakesResumed += other.handshakesResumed
        handshakesFailed += other.handshakesFailed
        handshakesDropped += other.handshakesDropped
        turnedAway += other.turnedAway
        requests += other.requests
        idleClosed += other.idleClosed
        requestsPerConnectionReached += other.requestsPerConnectionReached
        bytesToClients += other.bytesSent
        http2.add(other.http2)
    }

    mutating func add(_ figures: OriginFigures) {
        originConnections += figures.openConnections
        idleOriginConnections += figures.idleConnections
        originConnects += figures.connects
        originReuses += figures.reuses
        originRetirements += figures.retirements
        originHTTP2.add(figures.http2)
        retries += figures.retries
    }

    mutating func add(_ other: FillCounters) {
        bytesFromOrigins += other.bytesFromOrigins
        stored += other.stored
        storedBytes += other.storedBytes
        storeRefused += other.storeRefused
        collapsed += other.coalesced
        waitsTimedOut += other.waitsTimedOut
        claimWaits += other.claimWaits
        takeovers += other.takeovers
        refreshes += other.refreshes
        refreshesSkipped += other.refreshesSkipped
        fetchesLeftBehind += other.continuedAlone
        fetchesLeftUnfinished += other.leftUnfinished
        slowReadersDropped += other.droppedReaders
        compressed += other.compressed
        compressedFrom += other.compressedFrom
        compressedTo += other.compressedTo
        recoded += other.recoded
        leftUncompressed += other.leftUncompressed
    }

    /// Adds another worker's.
    package mutating func add(_ other: Counters) {
        requests += other.requests
        for index in outcomes.indices { outcomes[index] += other.outcomes[index] }
        for index in reasons.indices { reasons[index] += other.reasons[index] }
        for index in wireFaults.indices { wireFaults[index] += other.wireFaults[index] }
        for index in statusClasses.indices { statusClasses[index] += other.statusClasses[index] }
        while routes.count < other.routes.count { routes.append(RouteCounters()) }
        for (index, route) in other.routes.enumerated() {
            routes[index].requests += route.requests
            routes[index].hits += route.hits
            routes[index].stores += route.stores
            routes[index].heldBack += route.heldBack
            routes[index].bytes += route.bytes
        }
        accepted += other.accepted
        acceptFailures += other.acceptFailures
        proxyHeadersRefused += other.proxyHeadersRefused
        handshakes += other.handshakes
        handshakesResumed += other.handshakesResumed
        handshakesFailed += other.handshakesFailed
        handshakesDropped += other.handshakesDropped
        turnedAway += other.turnedAway
        idleClosed += other.idleClosed
        tunnelsTimedOut += other.tunnelsTimedOut
        requestsPerConnectionReached += other.requestsPerConnectionReached
        bytesToClients += other.bytesToClients
        http2.add(other.http2)
        bytesFromOrigins += other.bytesFromOrigins
        stored += other.stored
        storedBytes += other.storedBytes
        storeRefused += other.storeRefused
        invalidated += other.invalidated
        groupsInvalidated += other.groupsInvalidated
        placesInvalidated += other.placesInvalidated
        variantsReached += other.variantsReached
        retries += other.retries
        collapsed += other.collapsed
        waitsTimedOut += other.waitsTimedOut
        claimWaits += other.claimWaits
        takeovers += other.takeovers
        refreshes += other.refreshes
        refreshesSkipped += other.refreshesSkipped
        fetchesLeftBehind += other.fetchesLeftBehind
        fetchesLeftUnfinished += other.fetchesLeftUnfinished
        writesUnshared += other.writesUnshared
        slowReadersDropped += other.slowReadersDropped
        logLinesDropped += other.logLinesDropped
        compressed += other.compressed
        compressedFrom += other.compressedFrom
        compressedTo += other.compressedTo
        recoded += other.recoded
        leftUncompressed += other.leftUncompressed
        clients += other.clients
        activeRequests += other.activeRequests
        originConnections += other.originConnections
        idleOriginConnections += other.idleOriginConnections
        originConnects += other.originConnects
        originReuses += other.originReuses
        originRetirements += other.originRetirements
        originHTTP2.add(other.originHTTP2)
        refreshing += other.refreshing
        remote.add(other.remote)
    }
}
