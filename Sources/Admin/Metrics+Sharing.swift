// The metrics of fetches that several requests share, and of those that no request waits for.

extension MetricFamily {
    static let sharing: [MetricFamily] = [
        MetricFamily("larder_collapsed_total", .counter, "Requests that were answered from another request's fetch.") {
            $0.total.collapsed
        },
        MetricFamily(
            "larder_collapse_timeouts_total", .counter,
            "Requests that waited for another request's fetch as long as they may."
        ) { $0.total.waitsTimedOut },
        MetricFamily("larder_shared_fetches", .gauge, "Fetches under way that other requests may share.") {
            $0.fills.underWay
        },
        MetricFamily(
            "larder_unshared_keys", .gauge,
            "Keys whose requests go to the origin one by one, as their answers were found to be for one request each."
        ) { $0.fills.hitForMiss },
        MetricFamily(
            "larder_fetches_left_behind_total", .counter, "Fetches that went on though their client was gone."
        ) { $0.total.fetchesLeftBehind },
        MetricFamily("larder_refreshes_total", .counter, "Fetches begun in the background to renew what is stored.") {
            $0.total.refreshes
        },
        MetricFamily(
            "larder_refreshes_skipped_total", .counter, "Refreshes that were not begun as too many were under way."
        ) { $0.total.refreshesSkipped },
        MetricFamily("larder_refreshes_under_way", .gauge, "Refreshes in the background that are under way.") {
            $0.total.refreshing
        },
    ]
}
