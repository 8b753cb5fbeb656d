// The metrics of upstreams: their servers, and the connections to them.

import Origins
import Proxy

extension MetricFamily {
    static let upstreams: [MetricFamily] = [
        server(
            "larder_upstream_up", .gauge,
            "1 if the server gets requests, 0 while it is ejected or fails its health check."
        ) {
            $0.health(now: $1.now) == .up ? 1 : 0
        },
        server("larder_upstream_outstanding", .gauge, "Requests in progress at the server.") { server, _ in
            server.outstanding.load(ordering: .relaxed)
        },
        server("larder_upstream_requests_total", .counter, "Requests sent to the server.") { server, _ in
            server.requests.load(ordering: .relaxed)
        },
        server(
            "larder_upstream_failures_total", .counter,
            "Requests that failed because the server was unreachable or broke off, without health checks."
        ) { server, _ in server.totalFailures.load(ordering: .relaxed) },
        MetricFamily("larder_origin_connections", .gauge, "Open connections to upstream servers, idle ones included.") {
            $0.total.originConnections
        },
        MetricFamily("larder_origin_connections_idle", .gauge, "Idle connections to upstream servers.") {
            $0.total.idleOriginConnections
        },
        MetricFamily("larder_origin_connects_total", .counter, "Connections opened to upstream servers.") {
            $0.total.originConnects
        },
        MetricFamily("larder_origin_reuses_total", .counter, "Upstream requests that reused a connection.") {
            $0.total.originReuses
        },
        MetricFamily("larder_origin_retries_total", .counter, "Upstream requests that were retried.") {
            $0.total.retries
        },
    ]

    private static func server(
        _ name: StaticString, _ kind: Kind, _ help: StaticString,
        _ value: @escaping @Sendable (OriginServer, Figures) -> Int
    ) -> MetricFamily {
        MetricFamily(name, kind, help) { figures, samples in
            for group in figures.update.groups {
                for server in group.servers {
                    samples.add(
                        value(server, figures), ("upstream", group.settings.name),
                        ("server", server.address.description))
                }
            }
        }
    }
}
