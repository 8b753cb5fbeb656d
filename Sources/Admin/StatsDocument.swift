// `GET /stats`: the same figures as `/metrics`, as nested JSON.

import CacheStorage
import Configuration
import HTTPCaching
import HTTPWire
import Origins
import Proxy

extension Figures {
    /// Writes the members of the document.
    func write(to json: inout JSONWriter) {
        json.member("version", version)
        json.member("started", startedMilliseconds / 1000)
        json.member("uptime", max(0, clockMilliseconds - startedMilliseconds) / 1000)
        json.member("draining", isDraining)
        json.member("reloads", reloads)
        json.object("last_reload") {
            $0.member("successful", lastReload.faults == 0)
            $0.member("errors", lastReload.faults)
            $0.member("time", lastReload.milliseconds / 1000)
            $0.member("success_time", lastReload.successMilliseconds / 1000)
        }
        json.object("process") {
            $0.member("resident_bytes", process.residentBytes)
            $0.member("open_descriptors", process.openDescriptors)
            $0.member("descriptor_limit", process.descriptorLimit)
            $0.member("cpu_milliseconds", process.cpuMilliseconds)
        }
        json.object("responses") {
            $0.member("memory_bytes", responseBytes)
            $0.member("memory_limit", responseLimit)
        }
        json.object("totals", writeTotals)
        json.object("sharing") {
            $0.member("collapsed", total.collapsed)
            $0.member("waits_timed_out", total.waitsTimedOut)
            $0.member("claim_waits", total.claimWaits)
            $0.member("claim_takeovers", total.takeovers)
            $0.member("fetches_left_behind", total.fetchesLeftBehind)
            $0.member("fetches_left_unfinished", total.fetchesLeftUnfinished)
            $0.member("slow_readers_dropped", total.slowReadersDropped)
            $0.member("writes_unshared", total.writesUnshared)
            $0.member("refreshes", total.refreshes)
            $0.member("refreshes_skipped", total.refreshesSkipped)
            $0.member("refreshing", total.refreshing)
            $0.member("fetches_under_way", fills)
            $0.member("unshared_keys", hitForMissKeys)
        }
        json.object("compression") {
            $0.member("responses", total.compressed)
            $0.member("input_bytes", total.compressedFrom)
            $0.member("output_bytes", total.compressedTo)
            $0.member("recoded", total.recoded)
            $0.member("refused", total.leftUncompressed)
        }
        json.object("outcomes") {
            for outcome in Outcome.allCases { $0.member(outcome.slug, self.outcome(outcome)) }
        }
        json.object("reasons") {
            for reason in Reason.allCases { $0.member(reason.slug, total.reasons[Int(reason.rawValue)]) }
        }
        json.object("faults") {
            for fault in WireError.Reason.allCases {
                $0.member(WireError(fault, from: .client).code, total.wireFaults[Int(fault.rawValue)])
            }
        }
        json.object("limits") {
            for limit in LimitCounter.all { $0.member(limit.name, limit.count(total)) }
        }
        json.object("names") {
            $0.member("resolving", names.inFlight)
            $0.member("lookups", names.lookUps)
            $0.member("failures", names.failures)
            $0.member("refused", names.refusals)
            $0.member("ignored_addresses", names.ignoredAddresses)
        }
        json.array("routes", writeRoutes)
        json.array("upstreams", writeUpstreams)
        json.object("store", writeStore)
        json.array("workers") {
            for (index, counters) in report.workers {
                $0.object {
                    $0.member("index", index)
                    $0.member("requests", counters.requests)
                    $0.member("hits", counters.outcomes[Int(Outcome.hit.rawValue)])
                    $0.member("clients", counters.clients)
                    $0.member("active_requests", counters.activeRequests)
                    $0.member("origin_connections", counters.originConnections)
                }
            }
        }
        json.member("silent_workers", report.silentWorkers)
    }

    private func writeTotals(to json: inout JSONWriter) {
        json.member("requests", total.requests)
        json.member("active_requests", total.activeRequests)
        json.member("clients", total.clients)
        json.member("accepted", total.accepted)
        json.member("accept_failures", total.acceptFailures)
        json.member("proxy_headers_refused", total.proxyHeadersRefused)
        json.object("tls") {
            $0.member("handshakes", total.handshakes)
            $0.member("resumed", total.handshakesResumed)
            $0.member("failed", total.handshakesFailed)
            $0.member("dropped", total.handshakesDropped)
        }
        json.object("http2") {
            $0.member("connections", total.http2.connections)
            $0.member("requests", total.http2.requests)
            $0.member("faults", total.http2.faults)
            $0.member("streams_refused", total.http2.streamsRefused)
            $0.member("resets", total.http2.resets)
        }
        json.member("bytes_to_clients", total.bytesToClients)
        json.member("bytes_from_origins", total.bytesFromOrigins)
        json.member("stored", total.stored)
        json.member("stored_bytes", total.storedBytes)
        json.member("store_refused", total.storeRefused)
        json.member("invalidated", total.invalidated)
        json.member("retries", total.retries)
        json.member("log_lines_dropped", logLinesDropped)
        json.object("statuses") {
            let names: [StaticString] = ["1xx", "2xx", "3xx", "4xx", "5xx"]
            for (index, name) in names.enumerated() { $0.member(name, total.statusClasses[index + 1]) }
        }
        json.object("origin_connections") {
            $0.member("open", total.originConnections)
            $0.member("idle", total.idleOriginConnections)
            $0.member("connects", total.originConnects)
            $0.member("reuses", total.originReuses)
            $0.object("http2") {
                $0.member("open", total.originHTTP2.openConnections)
                $0.member("streams", total.originHTTP2.openStreams)
                $0.member("connections", total.originHTTP2.connections)
                $0.member("requests", total.originHTTP2.requests)
                $0.member("cancelled", total.originHTTP2.cancellations)
                $0.member("given_back", total.originHTTP2.givenBack)
                $0.member("faults", total.originHTTP2.faults)
                $0.member("floods", total.originHTTP2.floods)
                $0.member("silent", total.originHTTP2.silences)
            }
        }
    }

    private func writeRoutes(to json: inout JSONWriter) {
        for (index, route) in update.configuration.routes.enumerated() {
            let counters = index < total.routes.count ? total.routes[index] : RouteCounters()
            json.object {
                $0.member("path", route.pathText)
                if route.host != .any { $0.member("host", route.hostText) }
                switch route.action {
                case .forward(let upstream): $0.member("upstream", upstream)
                case .respond(let response): $0.member("respond", response.status)
                case .redirect(let redirect): $0.member("redirect", redirect.status)
                }
                $0.member("cached", !(route.cache?.methods.isEmpty ?? true))
                $0.member("requests", counters.requests)
                $0.member("hits", counters.hits)
                $0.member("stores", counters.stores)
                if route.onStoreDown != .pass {
                    $0.member("on_store_down", route.onStoreDown.description)
                    $0.member("held_back", counters.heldBack)
                }
                $0.member("bytes", counters.bytes)
            }
        }
    }

    private func writeUpstreams(to json: inout JSONWriter) {
        for group in update.groups {
            json.object {
                $0.member("name", group.settings.name)
                $0.array("servers") {
                    for server in group.servers {
                        $0.object { write(server, to: &$0) }
                    }
                }
            }
        }
    }

    private func write(_ server: OriginServer, to json: inout JSONWriter) {
        let health = server.health(now: now)
        json.member("address", server.address.description)
        json.member("weight", server.weight)
        json.member("backup", server.isBackup)
        json.member("standing", health.label)
        if case .ejected(let until) = health { json.member("aside_milliseconds", until.milliseconds(since: now)) }
        json.member("problem", orNull: health == .up ? nil : server.trouble?.reason)
        json.member("outstanding", server.outstanding.load(ordering: .relaxed))
        json.member("requests", server.requests.load(ordering: .relaxed))
        json.member("failures", server.totalFailures.load(ordering: .relaxed))
        guard server.hasName else { return }
        json.array("addresses") {
            for endpoint in server.endpoints {
                $0.object {
                    $0.member("address", endpoint.address.description)
                    $0.member("standing", endpoint.health(now: now).label)
                    $0.member("problem", orNull: endpoint.trouble?.reason)
                }
            }
        }
    }

    private func writeStore(to json: inout JSONWriter) {
        let store = update.configuration.store
        json.member("backend", store.backend.rawValue)
        json.member("filling_bytes", fillBytes)
        json.member("filling_refused", fillRefusals)
        if let state = report.storeState {
            json.member("state", state.label)
            if let trouble = state.trouble { json.member("reason", trouble.sentence) } else { json.null("reason") }
            json.member("since", state.since.milliseconds / 1000)
        } else {
            json.member("state", store.backend == .none ? "off" : "up")
            json.null("reason")
            json.member("since", startedMilliseconds / 1000)
        }
        if store.usesMemory {
            json.object("memory") {
                $0.member("entries", memory.entries)
                $0.member("bytes", memory.bytes)
                $0.member("limit", memory.limit)
                $0.member("lookup_hits", memory.hits)
                $0.member("lookup_misses", memory.misses)
                $0.member("stores", memory.stores)
                $0.member("replacements", memory.replacements)
                $0.member("removals", memory.removals)
                $0.member("evictions", memory.evictions)
                $0.member("expirations", memory.expirations)
                $0.member("rejected", memory.rejectedAsTooLarge)
            }
        }
        if report.storeState != nil {
            json.object("remote") {
                write(total.remote, to: &$0)
                $0.member("removals_undelivered", undelivered.waiting)
                $0.member("removals_kept", undelivered.kept)
                $0.member("removals_lost", undelivered.lost)
                $0.member("removals_folded", undelivered.folded)
                $0.member("removals_refused", undelivered.refused)
                $0.member("removals_repeated", undelivered.repeated)
            }
        }
        if let master {
            json.object("sentinel") {
                $0.member("master_name", master.name)
                $0.member("master", orNull: master.master.map { "\($0)" })
                $0.member("named_by", orNull: master.sentinel.map { "\($0)" })
                if let trouble = master.trouble {
                    $0.member("reason", trouble.sentence)
                } else {
                    $0.null("reason")
                }
                $0.member("master_changes", master.changes)
            }
        }
        if let cluster {
            json.object("cluster") {
                $0.member("masters", cluster.masters)
                $0.member("slots", cluster.slots)
                $0.member("named_by", orNull: cluster.node.map { "\($0)" })
                if let trouble = cluster.trouble {
                    $0.member("reason", trouble.sentence)
                } else {
                    $0.null("reason")
                }
                $0.member("changes", cluster.changes)
                $0.member("redirections", cluster.redirections)
            }
        }
        if let outbox {
            json.object("purges_shared") {
                $0.member("connected", outbox.isConnected)
                $0.member("waiting", outbox.waiting)
                $0.member("kept", outbox.kept)
                $0.member("folded", outbox.folded)
            }
        }
        if hearing.mode != .none {
            json.object("tracking") {
                $0.member("state", hearing.mode.label)
                $0.member("sessions", hearing.sessions)
                $0.member("messages", hearing.messages)
                $0.member("keys", hearing.names)
            }
        }
    }

    private func write(_ remote: RemoteStoreFigures, to json: inout JSONWriter) {
        json.member("lookup_hits", remote.hits)
        json.member("lookup_misses", remote.misses)
        json.member("lookups_claimed", remote.occupied)
        json.member("timeouts", remote.timeouts)
        json.member("failures", remote.failures)
        json.member("refused_lookups", remote.refusedLookups)
        json.member("shed_lookups", remote.shedLookups)
        json.member("stores", remote.stores)
        json.member("dropped_stores", remote.droppedStores)
        json.member("overtaken_stores", remote.overtakenStores)
        json.member("claims", remote.claims)
        json.member("refused_claims", remote.refusedClaims)
        json.member("removals", remote.removals)
        json.member("unreadable_records", remote.unreadableRecords)
        json.member("cut_reads", remote.cutReads)
        json.member("connects", remote.connects)
        json.member("connect_failures", remote.connectFailures)
        json.member("disconnects", remote.disconnects)
        json.member("error_replies", remote.errorReplies)
        json.member("bytes_sent", remote.bytesSent)
        json.member("bytes_received", remote.bytesReceived)
    }
}
