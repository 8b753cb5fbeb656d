// Metrics of request coalescing and of refreshes in the background.

extension MetricFamily {
    static let sharing: [MetricFamily] = [
        MetricFamily(
            "larder_collapsed_total", .counter, "Coalesced requests: served from the upstream request of another one."
        ) {
            $0.total.collapsed
        },
        MetricFamily(
            "larder_collapse_timeouts_total", .counter,
            "Coalesced requests that waited until cache.collapse expired."
        ) { $0.total.waitsTimedOut },
        MetricFamily(
            "larder_claim_waits_total", .counter,
            "Looks at a key in Redis while another instance was fetching its response."
        ) { $0.total.claimWaits },
        MetricFamily(
            "larder_claim_takeovers_total", .counter,
            "Fetches begun after another instance's fetch for the same key had ended without a response."
        ) { $0.total.takeovers },
        MetricFamily("larder_shared_fetches", .gauge, "Upstream requests in progress that other requests can join.") {
            $0.fills
        },
        MetricFamily(
            "larder_unshared_keys", .gauge,
            "Keys without coalescing for now, because their last response could not be shared (hit-for-miss)."
        ) { $0.hitForMissKeys },
        MetricFamily(
            "larder_fetches_left_behind_total", .counter,
            "Upstream requests that continued after their client had disconnected."
        ) { $0.total.fetchesLeftBehind },
        MetricFamily(
            "larder_fetches_left_unfinished_total", .counter,
            "Upstream requests that ended without a client because they took too long, or because too many had none."
        ) { $0.total.fetchesLeftUnfinished },
        MetricFamily(
            "larder_slow_readers_dropped_total", .counter,
            "Clients that were disconnected because they held back others that read the same response, too large to store."
        ) { $0.total.slowReadersDropped },
        MetricFamily(
            "larder_writes_unshared_total", .counter,
            "Responses that requests could not use while they were being written to Redis, because too many were."
        ) { $0.total.writesUnshared },
        MetricFamily("larder_refreshes_total", .counter, "Refreshes started in the background.") {
            $0.total.refreshes
        },
        MetricFamily(
            "larder_refreshes_skipped_total", .counter, "Refreshes not started because too many were in progress."
        ) { $0.total.refreshesSkipped },
        MetricFamily("larder_refreshes_under_way", .gauge, "Refreshes in progress in the background.") {
            $0.total.refreshing
        },
    ]
}
