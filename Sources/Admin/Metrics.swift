// All metrics, each declared once with its help text. Names and labels are stable: dashboards depend on them.

import CacheStorage
import HTTPCaching
import HTTPWire
import Proxy

extension MetricFamily {
    static let all = process + traffic + connections + sharing + compression + routes + upstreams + stores

    private static let process: [MetricFamily] = [
        MetricFamily("larder_info", .gauge, "Always 1; the label is the version.") {
            $1.add(1, ("version", $0.version))
        },
        MetricFamily(
            "process_start_time_seconds", .gauge, "Start time of the process, in seconds since 1970-01-01 UTC."
        ) { $1.add(milliseconds: $0.startedMilliseconds) },
        MetricFamily("process_resident_memory_bytes", .gauge, "Resident memory of the process.") {
            $0.process.residentBytes
        },
        MetricFamily("process_virtual_memory_bytes", .gauge, "Virtual memory of the process.") {
            $0.process.virtualBytes
        },
        MetricFamily("process_open_fds", .gauge, "Open file descriptors, sockets included.") {
            $0.process.openDescriptors
        },
        MetricFamily("process_max_fds", .gauge, "Maximum number of open file descriptors.") {
            $0.process.descriptorLimit
        },
        MetricFamily(
            "process_cpu_seconds_total", .counter, "CPU time of the process, user and system."
        ) { $1.add(milliseconds: Int64($0.process.cpuMilliseconds)) },
        MetricFamily("larder_workers", .gauge, "Worker threads.") { $0.workerCount },
        MetricFamily("larder_workers_silent", .gauge, "Workers that did not respond within a second.") {
            $0.report.silentWorkers
        },
        MetricFamily("larder_draining", .gauge, "1 while the process finishes its requests before it stops.") {
            $0.isDraining ? 1 : 0
        },
        MetricFamily("larder_reloads_total", .counter, "Successful configuration reloads.") { $0.reloads },
        MetricFamily("larder_reload_failures_total", .counter, "Configuration reloads that changed nothing.") {
            $0.failedReloads
        },
        MetricFamily(
            "larder_last_reload_successful", .gauge,
            "0 if the last reload failed, so that the configuration before it is in use; otherwise 1."
        ) { $0.lastReload.faults == 0 ? 1 : 0 },
        MetricFamily(
            "larder_last_reload_success_timestamp_seconds", .gauge,
            "When the configuration in use was loaded, in seconds since 1970-01-01 UTC."
        ) { $1.add(milliseconds: $0.lastReload.successMilliseconds) },
        MetricFamily("larder_admin_connections", .gauge, "Open connections to the admin listener.") {
            $0.adminConnections
        },
        MetricFamily(
            "larder_admin_connections_closed_total", .counter,
            "Admin connections closed because there were too many, idle ones first."
        ) { $0.adminConnectionsClosed },
        MetricFamily(
            "larder_log_lines_dropped_total", .counter,
            "Access log lines dropped because writing them was too slow or failed."
        ) { $0.logLinesDropped },
    ]

    private static let traffic: [MetricFamily] = [
        MetricFamily("larder_requests_total", .counter, "Requests received from clients.") { $0.total.requests },
        MetricFamily("larder_request_outcomes_total", .counter, "Requests by outcome.") {
            for outcome in Outcome.allCases { $1.add($0.outcome(outcome), ("outcome", "\(outcome.slug)")) }
        },
        MetricFamily("larder_responses_total", .counter, "Responses by status class.") {
            for hundreds in 1...5 { $1.add($0.total.statusClasses[hundreds], ("class", "\(hundreds)xx")) }
        },
        MetricFamily(
            "larder_cache_reasons_total", .counter, "Requests that were not plain cache hits, by reason."
        ) {
            for reason in Reason.allCases {
                $1.add($0.total.reasons[Int(reason.rawValue)], ("reason", "\(reason.slug)"))
            }
        },
        MetricFamily("larder_wire_faults_total", .counter, "Malformed HTTP messages, by error.") {
            for fault in WireError.Reason.allCases {
                $1.add($0.total.wireFaults[Int(fault.rawValue)], ("fault", "\(WireError(fault, from: .client).code)"))
            }
        },
        MetricFamily("larder_limit_reached_total", .counter, "How often each configured limit was reached.") {
            for limit in LimitCounter.all { $1.add(limit.count($0.total), ("limit", "\(limit.name)")) }
        },
        MetricFamily("larder_client_bytes_total", .counter, "Bytes sent to clients, heads included.") {
            $0.total.bytesToClients
        },
        MetricFamily("larder_origin_bytes_total", .counter, "Bytes received from upstream servers.") {
            $0.total.bytesFromOrigins
        },
        MetricFamily("larder_client_connections", .gauge, "Open client connections.") { $0.total.clients },
        MetricFamily(
            "larder_client_connections_limit", .gauge,
            "Maximum number of client connections: limits.clients, or fewer where descriptors don't allow as many."
        ) { $0.clientLimit },
        MetricFamily("larder_client_connections_total", .counter, "Accepted client connections.") {
            $0.total.accepted
        },
        MetricFamily("larder_accept_failures_total", .counter, "Failed attempts to accept a connection.") {
            $0.total.acceptFailures
        },
        MetricFamily(
            "larder_proxy_headers_refused_total", .counter,
            "Connections closed because their PROXY protocol header was missing, invalid, incomplete or late."
        ) { $0.total.proxyHeadersRefused },
        MetricFamily("larder_active_requests", .gauge, "Requests in progress.") { $0.total.activeRequests },
        MetricFamily(
            "larder_response_memory_bytes", .gauge, "Memory that responses in progress hold beyond the memory store."
        ) { $0.responseBytes },
        MetricFamily(
            "larder_response_memory_limit_bytes", .gauge, "Maximum of larder_response_memory_bytes (limits.memory)."
        ) { $0.responseLimit },
    ]

    private static let routes: [MetricFamily] = [
        route("larder_route_requests_total", "Requests that matched the route.") { $0.requests },
        route("larder_route_hits_total", "Requests of the route that were served from the cache.") { $0.hits },
        route("larder_route_stores_total", "Responses of the route that were stored.") { $0.stores },
        route("larder_route_bytes_total", "Content bytes sent to clients of the route.") { $0.bytes },
    ]

    private static func route(
        _ name: StaticString, _ help: StaticString, _ value: @escaping @Sendable (RouteCounters) -> Int
    ) -> MetricFamily {
        MetricFamily(name, .counter, help) { figures, samples in
            for (route, counters) in zip(figures.update.configuration.routes, figures.total.routes) {
                samples.add(
                    value(counters), ("route", route.pathText), ("host", route.hostText))
            }
        }
    }

    private static let stores: [MetricFamily] = [
        MetricFamily("larder_stored_total", .counter, "Responses that were stored.") { $0.total.stored },
        MetricFamily("larder_stored_bytes_total", .counter, "Content bytes of the responses that were stored.") {
            $0.total.storedBytes
        },
        MetricFamily(
            "larder_store_refused_total", .counter,
            "Cacheable responses not stored because they were too large or incomplete."
        ) {
            $0.total.storeRefused
        },
        MetricFamily("larder_invalidated_total", .counter, "Keys invalidated by unsafe requests, purges and deletions.")
        {
            $0.total.invalidated
        },
        MetricFamily(
            "larder_places_invalidated_total", .counter,
            "URLs and prefixes that responses invalidated, for whatever is looked up there."
        ) { $0.total.placesInvalidated },
        MetricFamily(
            "larder_purges_total", .counter,
            "Purges applied, by operators and by responses to writes: hard ones make absent, soft ones stale."
        ) {
            $1.add($0.purges.hard, ("kind", "hard"))
            $1.add($0.purges.soft, ("kind", "soft"))
        },
        MetricFamily(
            "larder_invalidations_remembered", .gauge,
            "Invalidated keys that are remembered one by one."
        ) { $0.invalidations.remembered },
        MetricFamily(
            "larder_invalidations_folded_total", .counter,
            "Older invalidations, of which only a hash is remembered: each may cause a miss of the few records that share it."
        ) { $0.invalidations.folded },
        MetricFamily(
            "larder_last_responses", .gauge, "Keys whose latest response is remembered, for larder explain."
        ) { $0.lastResponses.remembered },
        MetricFamily(
            "larder_last_responses_forgotten_total", .counter,
            "Keys whose latest response was forgotten to make room for others."
        ) { $0.lastResponses.forgotten },
        MetricFamily("larder_filling_bytes", .gauge, "Memory used by responses that are still arriving.") {
            $0.fillBytes
        },
        MetricFamily(
            "larder_filling_refused_total", .counter, "Responses not stored because limits.memory was reached."
        ) {
            $0.fillRefusals
        },
        MetricFamily("larder_memory_entries", .gauge, "Records in the memory store.") { $0.memory.entries },
        MetricFamily("larder_memory_bytes", .gauge, "Size of the memory store, metadata included.") {
            $0.memory.bytes
        },
        MetricFamily("larder_memory_limit_bytes", .gauge, "Maximum size of the memory store.") { $0.memory.limit },
        MetricFamily("larder_memory_hits_total", .counter, "Lookups that found a record in the memory store.") {
            $0.memory.hits
        },
        MetricFamily("larder_memory_misses_total", .counter, "Lookups that found nothing in the memory store.") {
            $0.memory.misses
        },
        MetricFamily("larder_memory_stores_total", .counter, "Records written to the memory store.") {
            $0.memory.stores
        },
        MetricFamily("larder_memory_evictions_total", .counter, "Records evicted to make room.") {
            $0.memory.evictions
        },
        MetricFamily("larder_memory_expirations_total", .counter, "Records removed because they had expired.") {
            $0.memory.expirations
        },
        MetricFamily(
            "larder_memory_rejected_total", .counter, "Records rejected because they were larger than the memory store."
        ) {
            $0.memory.rejectedAsTooLarge
        },
        MetricFamily(
            "larder_remote_up", .gauge,
            "1 if Redis is available, 0 while it is down, rejects writes, or serves some keys only."
        ) {
            guard let state = $0.report.storeState else { return }
            if case .up = state { $1.add(1) } else { $1.add(0) }
        },
        MetricFamily("larder_remote_lookups_total", .counter, "Lookups in Redis, by result.") {
            guard $0.report.storeState != nil else { return }
            let remote = $0.total.remote
            $1.add(remote.hits, ("result", "hit"))
            $1.add(remote.misses, ("result", "miss"))
            $1.add(remote.occupied, ("result", "claimed"))
            $1.add(remote.timeouts, ("result", "timeout"))
            $1.add(remote.failures, ("result", "failure"))
            $1.add(remote.refusedLookups, ("result", "refused"))
            $1.add(remote.shedLookups, ("result", "shed"))
        },
        remote("larder_remote_stores_total", "Records written to Redis.") { $0.stores },
        remote("larder_remote_stores_dropped_total", "Records not written because Redis was down, full or too slow.") {
            $0.droppedStores
        },
        remote(
            "larder_remote_stores_overtaken_total",
            "Records not written to Redis, since what they were to replace was removed or replaced during the fetch."
        ) {
            $0.overtakenStores
        },
        remote("larder_remote_claims_total", "Placeholders of fetches that were put into Redis.") { $0.claims },
        remote(
            "larder_remote_claims_refused_total",
            "Placeholders that were not put into Redis, since another instance had put one, or a record."
        ) {
            $0.refusedClaims
        },
        remote(
            "larder_remote_reads_cut_total",
            "Large records whose rest could not be read from Redis any more while they were being sent."
        ) {
            $0.cutReads
        },
        remote("larder_remote_removals_total", "Records removed from Redis.") { $0.removals },
        undelivered("larder_remote_removals_undelivered", .gauge, "Keys whose removal waits until Redis takes it.") {
            $0.waiting
        },
        undelivered(
            "larder_remote_removals_kept_total", .counter,
            "Keys whose removal Redis couldn't take at once, and that were kept."
        ) {
            $0.kept
        },
        undelivered(
            "larder_remote_removals_lost_total", .counter,
            "Keys whose removal Redis refused for good: other instances may serve old responses."
        ) {
            $0.lost
        },
        MetricFamily(
            "larder_purges_connected", .gauge,
            "Whether purges are exchanged with other instances through Redis: 0 or 1."
        ) { if let outbox = $0.outbox { $1.add(outbox.isConnected ? 1 : 0) } },
        MetricFamily(
            "larder_purges_waiting", .gauge, "Purges of this instance that Redis hasn't taken yet."
        ) { if let outbox = $0.outbox { $1.add(outbox.waiting) } },
        MetricFamily(
            "larder_purges_kept_total", .counter, "Purges that had to wait since Redis couldn't take them."
        ) { if let outbox = $0.outbox { $1.add(outbox.kept) } },
        MetricFamily(
            "larder_purges_folded_total", .counter,
            "How often too many purges waited for Redis, so that one of everything took their place."
        ) { if let outbox = $0.outbox { $1.add(outbox.folded) } },
        tracking(
            "larder_tracking_up", .gauge, "Whether Redis tells of changes, so that copies in memory are used: 0 or 1."
        ) {
            $0.mode == .hearing ? 1 : 0
        },
        tracking(
            "larder_tracking_sessions_total", .counter,
            "How often copies in memory began afresh: after each loss of the tracking connection, and when all of Redis was emptied."
        ) {
            $0.sessions
        },
        tracking("larder_tracking_messages_total", .counter, "Messages of Redis about changed keys.") { $0.messages },
        tracking("larder_tracking_keys_total", .counter, "Keys that these messages named.") { $0.names },
        undelivered(
            "larder_remote_removals_folded_total", .counter,
            "How often more removals waited for Redis than are kept, so that a purge of everything took their place."
        ) {
            $0.folded
        },
        undelivered(
            "larder_remote_removals_refused_total", .counter,
            "Keys whose removal Redis refused for good; all of them are lost."
        ) {
            $0.refused
        },
        undelivered(
            "larder_remote_removals_repeated_total", .counter,
            "Keys removed once more, since another server had taken the place of Redis's master."
        ) {
            $0.repeated
        },
        MetricFamily(
            "larder_remote_master_changes_total", .counter,
            "How often sentinels named another master of Redis than before."
        ) {
            if let master = $0.master { $1.add(master.changes) }
        },
        MetricFamily(
            "larder_remote_slot_changes_total", .counter,
            "How often slots of Redis Cluster had other masters than before."
        ) {
            if let cluster = $0.cluster { $1.add(cluster.changes) }
        },
        MetricFamily(
            "larder_remote_redirections_total", .counter,
            "Replies of nodes of Redis Cluster that sent Larder to another node."
        ) {
            if let cluster = $0.cluster { $1.add(cluster.redirections) }
        },
        remote(
            "larder_remote_unreadable_total",
            "Unusable records in Redis: damaged, of another version, or of another key text."
        ) {
            $0.unreadableRecords
        },
        remote("larder_remote_connects_total", "Connections opened to Redis.") { $0.connects },
        remote("larder_remote_connect_failures_total", "Failed attempts to connect to Redis.") {
            $0.connectFailures
        },
        remote("larder_remote_disconnects_total", "Lost connections to Redis.") { $0.disconnects },
        remote("larder_remote_error_replies_total", "Error replies from Redis.") { $0.errorReplies },
        remote("larder_remote_sent_bytes_total", "Bytes sent to Redis.") { $0.bytesSent },
        remote("larder_remote_received_bytes_total", "Bytes received from Redis.") { $0.bytesReceived },
    ]

    /// Has no samples if there is no remote store.
    private static func remote(
        _ name: StaticString, _ help: StaticString, _ value: @escaping @Sendable (RemoteStoreFigures) -> Int
    ) -> MetricFamily {
        MetricFamily(name, .counter, help) { figures, samples in
            if figures.report.storeState != nil { samples.add(value(figures.total.remote)) }
        }
    }

    /// Has no samples where Redis isn't to tell of changes.
    private static func tracking(
        _ name: StaticString, _ kind: Kind, _ help: StaticString, _ value: @escaping @Sendable (HearingFigures) -> Int
    ) -> MetricFamily {
        MetricFamily(name, kind, help) { figures, samples in
            if figures.hearing.mode != .none { samples.add(value(figures.hearing)) }
        }
    }

    /// The same of the process's undelivered removals.
    private static func undelivered(
        _ name: StaticString, _ kind: Kind, _ help: StaticString,
        _ value: @escaping @Sendable (UndeliveredFigures) -> Int
    ) -> MetricFamily {
        MetricFamily(name, kind, help) { figures, samples in
            if figures.report.storeState != nil { samples.add(value(figures.undelivered)) }
        }
    }
}
