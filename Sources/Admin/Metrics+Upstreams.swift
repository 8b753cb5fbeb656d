// The metrics of upstreams: their servers, the connections to them, the names.

import EventLoop
import Origins
import Proxy

extension MetricFamily {
    static let upstreams: [MetricFamily] = [
        server(
            "larder_upstream_up", .gauge,
            "1 if an address of the server is up; 0 while all have failed and none has succeeded since, or fail the check."
        ) {
            $0.health(now: $1.now) == .up ? 1 : 0
        },
        server("larder_upstream_addresses", .gauge, "Known addresses of the server.") { server, _ in
            server.endpoints.count
        },
        server("larder_upstream_addresses_up", .gauge, "Addresses of the server that are up.") {
            server, figures in
            server.endpoints.count { $0.health(now: figures.now) == .up }
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
        MetricFamily(
            "larder_origin_connections_retired_total", .counter,
            "Connections closed because of their age or because their address had left the name."
        ) {
            $0.total.originRetirements
        },
        MetricFamily("larder_origin_retries_total", .counter, "Upstream requests that were retried.") {
            $0.total.retries
        },
        MetricFamily(
            "larder_origin_http2_connections", .gauge,
            "Open HTTP/2 connections to upstream servers, idle ones included."
        ) { $0.total.originHTTP2.openConnections },
        MetricFamily("larder_origin_http2_streams", .gauge, "Requests in progress on HTTP/2 connections to upstreams.")
        {
            $0.total.originHTTP2.openStreams
        },
        MetricFamily(
            "larder_origin_http2_connections_total", .counter, "Connections to upstream servers that spoke HTTP/2."
        ) { $0.total.originHTTP2.connections },
        MetricFamily("larder_origin_http2_requests_total", .counter, "Requests sent to upstreams over HTTP/2.") {
            $0.total.originHTTP2.requests
        },
        MetricFamily(
            "larder_origin_http2_cancelled_total", .counter,
            "HTTP/2 requests to upstreams that Larder cancelled before they were over."
        ) { $0.total.originHTTP2.cancellations },
        MetricFamily(
            "larder_origin_http2_given_back_total", .counter,
            "HTTP/2 requests that upstream servers refused unprocessed, which are retried."
        ) { $0.total.originHTTP2.givenBack },
        MetricFamily(
            "larder_origin_http2_faults_total", .counter,
            "HTTP/2 frames of upstream servers that broke the protocol, malformed responses among them."
        ) { $0.total.originHTTP2.faults },
        MetricFamily(
            "larder_origin_http2_floods_total", .counter,
            "HTTP/2 connections to upstream servers that were closed for too many frames of no use."
        ) { $0.total.originHTTP2.floods },
        MetricFamily(
            "larder_origin_http2_silent_total", .counter,
            "HTTP/2 connections to upstream servers that were closed because they gave no sign of life."
        ) { $0.total.originHTTP2.silences },
        MetricFamily("larder_names_resolving", .gauge, "Host names that are being resolved.") { $0.names.inFlight },
        MetricFamily("larder_name_lookups_total", .counter, "Host name lookups that have ended.") {
            $0.names.lookUps
        },
        MetricFamily("larder_name_lookup_failures_total", .counter, "Host name lookups that failed.") {
            $0.names.failures
        },
        MetricFamily(
            "larder_name_lookups_refused_total", .counter,
            "Host name lookups that failed at once because too many were in progress."
        ) { $0.names.refusals },
        MetricFamily(
            "larder_name_addresses_ignored_total", .counter, "Addresses ignored because a name had more than 64."
        ) { $0.names.ignoredAddresses },
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
