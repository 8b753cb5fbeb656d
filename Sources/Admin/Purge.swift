// `POST /purge`: what is stored of URLs, tags, prefixes, hosts or everything isn't used from then on, or is stale. The keys of a
// URL are computed exactly as for a request, and removed from every store; the rest is a purge of the log, which costs the same
// whatever is stored. The response is sent once the purge holds,
// with Redis in every Larder on it.

import Bytes
import CacheStorage
import Configuration
import HTTPSemantics
import Proxy
import Routing

extension AdminListener {
    func purge(_ request: AdminRequest, _ reply: @escaping (AdminResponse) -> Void) {
        let purge: PurgeRequest
        do throws(PurgeRequest.Fault) { purge = try PurgeRequest(request.content) } catch {
            return reply(.problem(400, "invalid-purge", error.sentence))
        }
        guard let table = routeTable() else {
            return reply(.problem(500, "no-routes", "the routes are not available"))
        }
        var targets = PurgeTargets(purge)
        targets.add(purge.urls, by: table, server.configuration.routes, server.shared)
        guard targets.faults.isEmpty else {
            return reply(
                .problem(422, "invalid-url", "some URLs, prefixes or hosts are invalid; nothing was purged") {
                    $0.array("faults") { for fault in targets.faults { $0.value(fault) } }
                })
        }
        let usesRedis = server.configuration.store.usesRedis
        // What becomes stale stays where it is.
        let keys = purge.isSoft ? [] : Array(targets.keys)
        if usesRedis || purge.isSoft { targets.items += targets.keys.map { .key($0) } }
        let progress = PurgeProgress(time: server.loop.wallMilliseconds, waiting: usesRedis ? 2 : 1, reply)
        let named = Purge(targets.items, isSoft: purge.isSoft)
        if usesRedis {
            send(named) { progress.note($0) }
        } else if !named.items.isEmpty {
            server.shared.stores.purges.noteOwn(named, at: WallTime(milliseconds: server.loop.clockMilliseconds))
        }
        if keys.isEmpty { return progress.noteRemoved(0) }
        run(.remove(keys)) { result in
            switch result {
            case .removed(let count): progress.noteRemoved(count)
            case .noStore: progress.noteRemoved(0)
            // The purge says the same to every Larder, and holds all the same.
            default: if usesRedis { progress.noteRemoved(0) } else { progress.fail(Self.failure(result)) }
            }
        }
    }
}

/// What is known so far of a purge that an operator waits for. Belongs to the control thread.
private final class PurgeProgress {
    private let time: Int64
    private var waiting: Int
    private let reply: (AdminResponse) -> Void
    private var removed = 0
    private var outcome = PurgeOutcome.applied(instances: 1)

    /// - Parameters:
    ///   - time: when it was asked for.
    ///   - waiting: how many outcomes are to come.
    init(time: Int64, waiting: Int, _ reply: @escaping (AdminResponse) -> Void) {
        self.time = time
        self.waiting = waiting
        self.reply = reply
    }

    func noteRemoved(_ count: Int) {
        removed = count
        finish()
    }

    func note(_ outcome: PurgeOutcome) {
        self.outcome = outcome
        finish()
    }

    func fail(_ response: AdminResponse) { reply(response) }

    private func finish() {
        waiting -= 1
        guard waiting == 0 else { return }
        switch outcome {
        case .applied(let instances):
            reply(
                .json(200) {
                    $0.member("purged", removed)
                    $0.member("time", time)
                    $0.member("instances", instances)
                })
        case .unconfirmed(.notApplied):
            reply(
                .problem(
                    503, "purge-not-confirmed",
                    "the purge is written, but not every Larder has applied it in time; it will hold there once it can")
            )
        case .unconfirmed(.notTaken):
            reply(
                .problem(
                    503, "purge-kept",
                    "Redis doesn't take the purge now; it holds in this Larder alone and is kept until Redis takes it"))
        case .unconfirmed(.closed):
            reply(.problem(503, "purge-not-confirmed", "the store was changed by a reload meanwhile: purge again"))
        }
    }
}

/// What a purge names, for the log and for the stores.
private struct PurgeTargets {
    /// Each key once.
    var keys: Set<CacheKey> = []
    var items: [PurgeItem]
    var faults: [String] = []

    init(_ purge: PurgeRequest) {
        items = purge.tags.map { .tag(Array($0.utf8)) }
        if purge.isOfEverything { items.append(.everything) }
        for host in purge.hosts {
            let bytes = Array(host.utf8)
            if bytes.allSatisfy({ $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }) {
                items.append(.host(bytes))
            } else {
                faults.append("\(host): a host is a name or an address, with a port where clients use one")
            }
        }
        for prefix in purge.prefixes {
            let bytes = Array(prefix.utf8)
            if PrefixText(bytes.span) != nil, bytes.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) {
                items.append(.prefix(NormalTarget.form(of: bytes.span, in: ByteRange(0, bytes.count)) ?? bytes))
            } else {
                faults.append("\(prefix): a prefix begins with http://host/, https://host/ or /")
            }
        }
    }

    /// GET and HEAD share a key unless the key template contains the method. Keys that a URL alone doesn't give, as those of each
    /// caller's own entry, are reached by the URL's path, with all its queries.
    mutating func add(_ urls: [String], by table: RouteTable, _ routes: [Route], _ shared: SharedState) {
        var composer = KeyComposer()
        for url in urls {
            do throws(SyntheticRequestFault) {
                var needsDigest = false
                for method in ["GET", "HEAD"] {
                    let request = try SyntheticRequest(method: method, url: url)
                    do throws(SyntheticRequestFault) {
                        let match = try composer.compose(request, by: table)
                        let recipe = table.recipes[match.route]
                        keys.formUnion(shared.keys(of: &composer, by: recipe))
                        let methods = routes[match.route].cache?.methods ?? []
                        if !recipe.isMadeOfTarget || methods.contains(.post) || methods.contains(.query) {
                            needsDigest = true
                        }
                    } catch .noKey {
                        needsDigest = true
                    }
                }
                if needsDigest { add(digestsOf: try SyntheticRequest(url: url)) }
            } catch {
                faults.append("\(url): \(error)")
            }
        }
    }

    /// What the URL's responses say of it, and those of POSTs that aren't reads.
    private mutating func add(digestsOf request: borrowing SyntheticRequest) {
        let bytes = request.bytes.span
        let path = NormalTarget.form(of: bytes, in: request.head.path) ?? bytes.extracting(request.head.path).copied()
        let scheme = request.scheme.name
        for isOfWrite in [false, true] {
            let digest = URLDigest.of(
                scheme: scheme.span, authority: bytes.extracting(request.head.authority), path: path.span,
                isOfWrite: isOfWrite)
            items.append(.url(CacheKey(digest)))
        }
    }
}
