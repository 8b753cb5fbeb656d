// `POST /purge`: removes the stored responses of URLs and tags from every store. The keys of a URL are computed exactly as for a
// request. The response is sent once the purge is complete.

import Bytes
import CacheStorage
import HTTPSemantics
import Proxy
import Routing

extension AdminListener {
    func purge(_ request: AdminRequest, _ reply: @escaping (AdminResponse) -> Void) {
        let purge: PurgeRequest
        do throws(PurgeRequest.Fault) { purge = try PurgeRequest(request.content) } catch {
            return reply(.problem(400, "invalid-purge", error.sentence))
        }
        // Invalidation by tag is local to this process: other Larders on the same Redis would not learn of it.
        guard purge.tags.isEmpty || !server.configuration.store.usesRedis, purge.prefixes.isEmpty, !purge.isSoft else {
            let detail =
                "this version purges by URL, and by tag if nothing is stored in Redis; prefixes and soft purges are not supported yet"
            return reply(.problem(501, "not-implemented", detail))
        }
        guard let table = routeTable() else {
            return reply(.problem(500, "no-routes", "the routes are not available"))
        }
        let (keys, places, faults) = Self.keys(of: purge.urls, by: table, server.shared)
        guard faults.isEmpty else {
            return reply(
                .problem(422, "invalid-url", "some URLs are invalid; nothing was purged") {
                    $0.array("faults") { for fault in faults { $0.value(fault) } }
                })
        }
        let time = server.loop.wallMilliseconds
        let tags = purge.tags.map { InvalidationName.tag($0.utf8.span) }
        server.shared.stores.invalidate(tags, at: WallTime(milliseconds: server.loop.clockMilliseconds))
        if !places.isEmpty {
            server.shared.stores.invalidate(
                places: places, at: WallTime(milliseconds: server.loop.clockMilliseconds))
        }
        if keys.isEmpty { return Self.report(0, time, reply) }
        run(.remove(keys)) { result in
            switch result {
            case .removed(let count): Self.report(count, time, reply)
            case .noStore: Self.report(0, time, reply)
            default: reply(Self.failure(result))
            }
        }
    }

    private static func report(_ count: Int, _ time: Int64, _ reply: (AdminResponse) -> Void) {
        reply(
            .json(200) {
                $0.member("purged", count)
                $0.member("time", time)
            })
    }

    /// Each key once. GET and HEAD share a key unless the key template contains the method. Keys that a URL alone doesn't give,
    /// as those of each caller's own entry, are reached by the URL's path, with all its queries, in this process.
    private static func keys(
        of urls: [String], by table: RouteTable, _ shared: SharedState
    ) -> (keys: [CacheKey], places: [InvalidatedPlace], faults: [String]) {
        var composer = KeyComposer()
        var keys: Set<CacheKey> = []
        var places: [InvalidatedPlace] = []
        var faults: [String] = []
        for url in urls {
            do throws(SyntheticRequestFault) {
                var needsPlace = false
                for method in ["GET", "HEAD"] {
                    let request = try SyntheticRequest(method: method, url: url)
                    do throws(SyntheticRequestFault) {
                        let match = try composer.compose(request, by: table)
                        let recipe = table.recipes[match.route]
                        keys.formUnion(shared.keys(of: &composer, by: recipe))
                        if !recipe.isMadeOfTarget { needsPlace = true }
                    } catch .noKey {
                        needsPlace = true
                    }
                }
                if needsPlace { places.append(place(of: try SyntheticRequest(url: url))) }
            } catch {
                faults.append("\(url): \(error)")
            }
        }
        return (Array(keys), places, faults)
    }

    private static func place(of request: borrowing SyntheticRequest) -> InvalidatedPlace {
        let bytes = request.bytes.span
        let path = NormalTarget.form(of: bytes, in: request.head.path) ?? bytes.extracting(request.head.path).copied()
        let scheme = request.scheme.name
        return InvalidatedPlace(
            scheme: scheme.span, authority: bytes.extracting(request.head.authority), target: path.span, isPrefix: false
        )
    }
}
