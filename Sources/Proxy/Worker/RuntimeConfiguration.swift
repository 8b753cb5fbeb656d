// What one configuration makes of a worker: routes with their policies, limits, how responses are marked. Built whole
// for every reload and swapped in between two requests; a request keeps the one that it began with.

import Bytes
import CacheStorage
import Clients
import Configuration
import EventLoop
import HTTPCaching
import HTTPSemantics
import HTTPWire
import Origins
import Routing

/// A route as a request meets it. One instance per worker, so that its reference count is no other thread's business.
final class RouteEntry {
    let index: Int
    let recipe: KeyRecipe
    /// Nil where the route caches nothing.
    let policy: RoutePolicy?
    /// Whether responses that declare no lifetime may get one from the route.
    let givesLifetime: Bool
    /// Whether responses to this route's requests may be in a store: it stores some, or did so in an earlier configuration of
    /// this process.
    fileprivate(set) var mayHaveStored: Bool
    let bodyKeyLimit: Int
    /// The upstream that is asked; nil where Larder responds itself.
    let upstream: UpstreamGroup?
    /// The route's own response; nil where an upstream is asked.
    let ownResponse: OwnResponse?
    /// How the path that the upstream is asked for is made; nil where it is the client's.
    let forwardedPath: ForwardedPath?
    private var pathScratch = ByteBuffer()
    /// How long a request waits for another one's fill; 0 is never.
    let collapseMilliseconds: Int64
    /// Whether a fill goes on for the store when its last reader has left.
    let continuesAlone: Bool
    /// The share of a lifetime, at its end, in which it is refreshed ahead of time.
    let earlyRefresh: UInt8?
    private let statuses: StatusTimeouts?
    private let contentTypes: MediaTypeRules?
    let removesTags: Bool
    /// Cuts up to such a share off each lifetime.
    private let jitter: UInt8?
    /// Tags of what is stored, beside those that the response has.
    let tags: [ParameterText]
    /// What a successful unsafe request makes stale beside its own URL.
    let invalidates: [(target: ParameterText, isPrefix: Bool)]
    /// Whether what is stored for a URL may have other keys than those that the URL alone gives.
    let hasKeysBeyondURL: Bool
    let exchangeLimits: ExchangeLimits
    /// Nil unless the servers are chosen by a key.
    let balance: BalanceRecipe?
    /// The protocols that a connection may be upgraded to, in lower case.
    let upgrades: [[UInt8]]
    let keepsClientHost: Bool
    /// Nil where the route doesn't compress.
    let compression: RouteCompression?
    /// What the route changes of fields; nil for nothing.
    let requestFields: RequestFields?
    let responseFields: ResponseFields?
    /// Which requests go past the cache; nil for none.
    let bypass: BypassRules?
    /// What bounds its requests to the upstream while the store is down; nil where nothing does.
    let outageGate: OutageGate?
    /// Nil where the route's records are whole.
    let json: JSONRoute?
    /// Whether what memory still has is served while the store is down.
    let servesKept: Bool
    /// Kept here and not in a list of the worker's, so that a request of an older configuration counts for its own route.
    var counters = RouteCounters()

    /// - Parameters:
    ///   - upstream: nil for a route on which Larder responds itself.
    ///   - outageGate: all workers'.
    ///   - sharesJSON: whether `record: json` counts, which it does in Redis.
    init(
        index: Int, route given: Route, sharesJSON: Bool, recipe: KeyRecipe, upstream: UpstreamGroup?,
        outageGate: OutageGate?
    ) {
        let route = sharesJSON ? JSONRoute.asking(given) : given
        json = sharesJSON ? JSONRoute(route) : nil
        self.index = index
        self.recipe = recipe
        self.upstream = upstream
        ownResponse = OwnResponse(route)
        forwardedPath = upstream.flatMap { ForwardedPath(route, basePath: $0.settings.basePath) }
        policy = route.cache.map(RoutePolicy.init)
        mayHaveStored = policy?.methods.isEmpty == false
        self.outageGate = mayHaveStored ? outageGate : nil
        servesKept = route.onStoreDown == .stale
        bodyKeyLimit = Int(route.cache?.bodyKey.rawValue ?? 0)
        let cache = route.cache
        givesLifetime = cache.map { $0.timeout != nil || $0.heuristic != nil || !$0.statuses.isEmpty } ?? false
        collapseMilliseconds = cache?.collapse?.rawValue ?? 0
        continuesAlone = cache?.backgroundFill ?? false
        earlyRefresh = cache?.earlyRefresh?.rawValue
        statuses = cache.flatMap { $0.statuses.isEmpty ? nil : StatusTimeouts($0.statuses) }
        contentTypes = cache?.contentTypes.map { MediaTypeRules($0) }
        removesTags = cache?.tagHeaders == .remove
        jitter = cache?.jitter?.rawValue
        let names = route.parameterNames
        tags = cache?.tags.map { ParameterText($0, parameters: names) } ?? []
        invalidates =
            cache?.invalidates.map { (ParameterText($0.template, parameters: names), $0.isPrefix) } ?? []
        let keysContent = policy.map { $0.methods.contains(.query) || $0.postReads && $0.methods.contains(.post) }
        hasKeysBeyondURL = !recipe.isMadeOfTarget || keysContent == true
        let settings = upstream?.settings ?? Upstream(name: "", servers: [])
        exchangeLimits = ExchangeLimits(settings, route)
        balance = settings.balance == .hash ? BalanceRecipe(settings.hashKey) : nil
        upgrades = route.upgrade.map { Array($0.utf8) }
        compression = route.compression.map(RouteCompression.init)
        keepsClientHost = upstream?.settings.host == .client
        requestFields = RequestFields(route)
        responseFields = ResponseFields(route)
        bypass = BypassRules(cache?.bypass ?? [])
    }

    /// The upstream of a route that has one.
    var group: UpstreamGroup {
        guard let upstream else { preconditionFailure("a route without an upstream asks none") }
        return upstream
    }

    /// How its entries stand in a remote store.
    var recordForm: RecordForm { json?.form ?? .whole }

    /// Whether the upstream can be asked for this path. Allocates nothing once it has met a path as long.
    func takesPath(_ head: borrowing RequestHead, _ bytes: Span<UInt8>, _ match: RouteMatch) -> Bool {
        guard let forwardedPath else { return true }
        pathScratch.removeAll(keepingUpTo: 64 << 10)
        return forwardedPath.append(head, bytes, match, to: &pathScratch)
    }

    /// Whether responses of this media type are stored.
    func storesType(of response: borrowing ResponseHead, _ bytes: Span<UInt8>) -> Bool {
        contentTypes?.allows(bytes.extracting(response.first(.contentType) ?? .empty)) ?? true
    }

    /// The policy as it holds for one status of the origin's, and for what is stored under one key.
    /// - Parameters:
    ///   - status: nil for a part, which has no status of its own.
    ///   - key: without a variant.
    func policy(for status: Status?, key: CacheKey) -> RoutePolicy? {
        guard var policy else { return nil }
        if let status, let statuses { policy = policy.applying(statuses, to: status) }
        if let jitter { policy.shortening = Shortening(upTo: jitter, by: key.high) }
        return policy
    }
}

/// One worker's view of a configuration.
final class RuntimeConfiguration {
    let configuration: Configuration
    let table: RouteTable
    let entries: [RouteEntry]
    let headLimits: HeadLimits
    let bodyLimit: UInt64
    let requestsPerConnection: Int
    let showsXCache: Bool
    let showsCacheStatus: Bool
    /// Whether any route's responses may be in a store.
    let storesAnything: Bool
    /// Whether any route serves, while the store is down, what memory still has.
    let servesKept: Bool
    /// Which paths of clients lead to a path of an upstream; nil where they are the same.
    let clientPaths: ClientPaths?
    /// The name of this process in Via.
    let pseudonym: [UInt8]
    /// This worker's, in all its configurations.
    let identifiers: RequestIdentifiers
    let fieldScratch = FieldScratch()

    /// - Parameters:
    ///   - groups: one for each of `configuration.upstreams`, in order.
    ///   - gates: one for each of `configuration.routes`, in order; none where nothing is bounded.
    ///   - largestHead: what the loop's input buffer, which a reload can't enlarge, holds of a head.
    ///   - pseudonym: the name of this process in Via.
    ///   - previous: its routes' counters are carried over where a route has the same host and path.
    init(
        _ configuration: Configuration, groups: [UpstreamGroup], gates: [OutageGate?] = [], largestHead: Int,
        pseudonym: [UInt8] = Array("larder".utf8),
        previous: RuntimeConfiguration? = nil
    ) throws(RouteTableFault) {
        self.configuration = configuration
        let table = try RouteTable(configuration.routes)
        self.table = table
        let upstreams = configuration.upstreamIndexes
        entries = configuration.routes.enumerated().map { index, route in
            let upstream = route.upstream.map { name in
                guard let upstream = upstreams[name] else {
                    preconditionFailure("a checked configuration's routes name upstreams that are there")
                }
                return groups[upstream]
            }
            return RouteEntry(
                index: index, route: route, sharesJSON: configuration.store.usesRedis, recipe: table.recipes[index],
                upstream: upstream,
                outageGate: gates.isEmpty ? nil : gates[index])
        }
        servesKept = entries.contains(where: \.servesKept)
        clientPaths = ClientPaths(configuration.routes, basePaths: configuration.basePaths)
        if let previous {
            let before = Dictionary(
                uniqueKeysWithValues: zip(previous.configuration.routes.map(\.match), previous.entries))
            for (entry, route) in zip(entries, configuration.routes) {
                guard let before = before[route.match] else { continue }
                entry.counters = before.counters
                if before.mayHaveStored { entry.mayHaveStored = true }
            }
            // What a route stored that is gone now, the requests of any other may be about.
            let remaining = Set(configuration.routes.map(\.match))
            let hasLostStorage = before.contains { match, entry in entry.mayHaveStored && !remaining.contains(match) }
            if hasLostStorage { for entry in entries { entry.mayHaveStored = true } }
        }
        storesAnything = entries.contains(where: \.mayHaveStored)
        let limits = configuration.limits
        headLimits = HeadLimits(
            startLine: Int(limits.requestLine.rawValue), head: min(Int(limits.head.rawValue), largestHead),
            fields: limits.fields)
        bodyLimit = limits.body.rawValue == 0 ? .max : UInt64(limits.body.rawValue)
        requestsPerConnection = limits.requests == 0 ? .max : limits.requests
        showsXCache = configuration.server.xCache
        showsCacheStatus = configuration.server.cacheStatus
        self.pseudonym = pseudonym
        identifiers = previous?.identifiers ?? RequestIdentifiers()
    }

    /// Whether a peer's own `X-Forwarded-*` fields are believed.
    func trusts(_ peer: PeerAddress) -> Bool {
        guard !configuration.server.trustedProxies.isEmpty, let address = IPAddress(peer) else { return false }
        return trusts(address)
    }

    /// Whether it is the address of a trusted proxy.
    func trusts(_ address: IPAddress) -> Bool {
        for range in configuration.server.trustedProxies where range.contains(address) { return true }
        return false
    }

    /// What connections of clients keep to.
    func clientLimits(_ descriptors: DescriptorReserve) -> ClientLimits {
        let limits = configuration.limits
        var bounds = ClientLimits(head: headLimits)
        bounds.requestsPerConnection = requestsPerConnection
        bounds.streams = limits.streams
        bounds.body = bodyLimit
        bounds.headTimeout = limits.headTimeout.rawValue
        bounds.readTimeout = limits.readTimeout.rawValue
        bounds.uploadRate = UInt64(max(0, limits.uploadRate.rawValue))
        bounds.writeTimeout = limits.writeTimeout.rawValue
        bounds.idleTimeout = limits.idleTimeout.rawValue
        bounds.tunnelTimeout = limits.tunnelTimeout.rawValue
        bounds.clients = descriptors.clients(in: configuration)
        bounds.rejected = descriptors.rejected
        return bounds
    }
}

extension RoutePolicy {
    /// The decision library's form of a route's `cache` section.
    init(_ settings: CacheSettings) {
        self.init()
        methods = HTTPCaching.CachedMethods(rawValue: settings.methods.rawValue)
        timeout = settings.timeout.map(Seconds.init(roundingUp:))
        heuristicPercentage = settings.heuristic?.rawValue
        heuristicCap = Seconds(roundingUp: settings.heuristicCap)
        staleWhileRevalidate = settings.staleWhileRevalidate.map(Seconds.init(roundingUp:)) ?? 0
        staleIfError = settings.staleIfError.map(Seconds.init(roundingUp:)) ?? 0
        keep = Seconds(roundingUp: settings.keep)
        mode = settings.mode == .force ? .force : .standard
        clientControl = settings.clientControl == .honour ? .honour : .ignore
        allowSetCookie = settings.allowSetCookie
        allowAuthorization = settings.allowAuthorization
        postReads = settings.post == .reads
    }
}

extension StatusTimeouts {
    /// The decision library's form of `cache.statuses`.
    init(_ settings: [StatusTimeout]) {
        self.init(
            settings.map { entry in
                let key: StatusTimeouts.Key =
                    switch entry.selector {
                    case .exact(let status): .status(status)
                    case .class(let digit): .statusClass(digit)
                    case .any: .any
                    }
                return (key, Seconds(roundingUp: entry.timeout))
            })
    }
}

extension Seconds {
    /// HTTP counts whole seconds; a part of one is rounded up.
    init(roundingUp duration: Milliseconds) { self.init((duration.rawValue + 999) / 1000) }
}

extension IPAddress {
    /// Nil for a unix socket's peer.
    init?(_ peer: PeerAddress) {
        switch peer.family {
        case .ipv4: self = .v4(UInt32(truncatingIfNeeded: peer.low))
        case .ipv6: self = IPAddress.v6(UInt128(peer.high) << 64 | UInt128(peer.low)).unmapped
        case .unix: return nil
        }
    }
}
