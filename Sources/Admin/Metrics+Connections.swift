// What clients' connections are made of beyond plain HTTP/1: TLS and HTTP/2.

extension MetricFamily {
    static let connections: [MetricFamily] = [
        MetricFamily(
            "larder_tls_handshakes_total", .counter, "TLS handshakes with clients that were completed."
        ) {
            $1.add($0.total.handshakes - $0.total.handshakesResumed, ("kind", "full"))
            $1.add($0.total.handshakesResumed, ("kind", "resumed"))
        },
        MetricFamily(
            "larder_tls_handshakes_failed_total", .counter,
            "TLS handshakes with clients that came to nothing, late ones included."
        ) { $0.total.handshakesFailed },
        MetricFamily(
            "larder_tls_handshakes_dropped_total", .counter,
            "Slow TLS handshakes that were ended, as there were as many as may be in progress."
        ) { $0.total.handshakesDropped },
        MetricFamily(
            "larder_tls_certificate_expiry_timestamp_seconds", .gauge,
            "When each certificate of a listener expires, in seconds since 1970-01-01 UTC."
        ) {
            for expiry in $0.certificates {
                $1.add(Int(expiry.seconds), ("path", expiry.path), ("name", expiry.name))
            }
        },
        MetricFamily("larder_http2_connections_total", .counter, "Client connections that spoke HTTP/2.") {
            $0.total.http2.connections
        },
        MetricFamily("larder_http2_requests_total", .counter, "Requests received over HTTP/2.") {
            $0.total.http2.requests
        },
        MetricFamily(
            "larder_http2_faults_total", .counter,
            "HTTP/2 frames that broke the protocol, malformed requests among them."
        ) { $0.total.http2.faults },
        MetricFamily(
            "larder_http2_resets_total", .counter, "HTTP/2 streams that were reset by clients or for their fault."
        ) {
            $0.total.http2.resets
        },
    ]
}
