// Asking the origin: the request is written anew (RFC 9110 §7.6), without the client's conditions where the answer is to
// be stored and with the stored response's where that is to be validated (RFC 9111 §4.3.1). The client's content follows
// as it arrives.

import Bytes
import HTTPCaching
import HTTPSemantics
import HTTPWire

extension Transaction {
    func startFetch() -> Progress {
        guard let entry else { preconditionFailure("a request has its route before its fetch") }
        detach()
        forward = reason?.forward ?? .miss
        fetchBegan = worker.instant
        fetchStarted = worker.cache.moment
        let isWhole = content.isComplete && !content.collectedIsPrefix
        let fetch = worker.takeFetch(
            consumer: self, group: entry.group, method: head.method, isRequestComplete: isWhole)
        self.fetch = fetch
        appendRequest(to: fetch)
        // Content is read once there is somebody to take it.
        if !isWhole { client?.awaitNothingToRead() }
        fetch.start()
        return .wait
    }

    /// Lets go of the fetch, and stops it if it hasn't ended.
    func endFetch() {
        guard let fetch else { return }
        self.fetch = nil
        fetch.cancel()
        worker.retire(fetch)
    }

    private func appendRequest(to fetch: Fetch) {
        guard let entry else { return }
        let isKeyed = content.isComplete && content.isExpected && !content.collectedIsPrefix
        let framing: BodyFraming = isKeyed ? .length(UInt64(content.collected.count)) : head.framing
        var plan = RequestForwarding(
            framing: framing, upstreamHost: entry.group.servers[0].authority, peerAddress: worker.text(of: peer))
        plan.keepsClientHost = entry.keepsClientHost
        plan.isPeerTrusted = head.hasForwarding && worker.trusts(peer, in: runtime)
        plan.isClientSecure = scheme == .https
        plan.forwardsExpect = !content.isComplete && !isKeyed && content.received == 0
        plan.acceptsTrailers = true
        plan.connection = isTunnel ? .upgrade : .implied
        if isRefresh {
            plan.dropping = Self.notRefreshed
        } else if verdict == .miss && !facts.hasRange {
            plan.dropping = .conditionals
        }
        // What passes by the cache is never stored, so that anything may be asked with it.
        if verdict == .miss { plan.selection = entry.recipe.selection(of: head, in: bytes) }
        if isValidating && facts.hasRange && !isRefresh { plan.dropping = [.ifNoneMatch, .ifModifiedSince] }
        if partial?.missing != nil { plan.dropping = .conditionals }
        Forwarding.appendRequest(head, bytes, plan, to: &fetch.request)
        if let missing = partial?.missing, let known = partial?.known {
            Forwarding.appendField("If-Range", known.record.etag, to: &fetch.request)
            fetch.request.append("Range: bytes=")
            fetch.request.append(decimal: Int(missing.lowerBound))
            fetch.request.append("-")
            fetch.request.append(decimal: Int(missing.upperBound - 1))
            fetch.request.append("\r\n")
        }
        if isValidating, let stored {
            if !stored.etag.isEmpty { Forwarding.appendField("If-None-Match", stored.etag, to: &fetch.request) }
            if !stored.lastModified.isEmpty {
                Forwarding.appendField("If-Modified-Since", stored.lastModified, to: &fetch.request)
            }
        }
        Forwarding.endHead(&fetch.request)
        if isKeyed { fetch.request.append(content.collected) }
    }

    // MARK: Content

    /// The origin can take (more) content: first what was read ahead of it, then what the client sends.
    func originTakesBody() {
        guard let client, let fetch else { return }
        if isTunnel && status == 101 {
            client.awaitTunnel()
            return
        }
        if content.collectedIsPrefix {
            let prefix = content.collected
            content.collected = []
            content.collectedIsPrefix = false
            forward(prefix.span)
            if content.isComplete { endContent() }
        }
        takeKeptContent()
        guard self.fetch === fetch, self.client != nil else { return }
        if !content.isComplete && fetch.takesBody { client.awaitContent() }
    }

    /// Content that was read together with the head, or before the origin was ready.
    func takeKeptContent() {
        guard let client, !content.isComplete else { return }
        let kept = client.takeKept()
        if !kept.isEmpty { takeContent(kept.span) }
    }

    /// Content from the client; what follows it is the next request's.
    func takeContent(_ bytes: Span<UInt8>) {
        var position = 0
        do throws(WireError) {
            while let range = try content.next(bytes, from: &position) {
                if content.received > runtime.bodyLimit { return refuseContent(.bodyTooLarge) }
                if content.isCollecting {
                    content.collected.append(bytes.extracting(range))
                } else {
                    forward(bytes.extracting(range))
                    if client == nil || fetch == nil { return }
                }
            }
        } catch {
            wireFault = error
            return refuseContent(.malformed)
        }
        if position < bytes.count { client?.keep(bytes.extracting(position...)) }
        if content.isComplete && !content.isCollecting { endContent() }
    }

    private func endContent() {
        guard let fetch else { return }
        if head.framing == .chunked {
            let trailers = content.trailers
            let lastChunk = worker.lastChunk
            let lineEnd = worker.lineEnd
            fetch.sendBody(lastChunk.span, trailers.span, lineEnd.span)
        }
        fetch.endBody()
    }

    /// Content on its way, framed as its head said.
    private func forward(_ piece: Span<UInt8>) {
        guard let fetch, !piece.isEmpty else { return }
        if head.framing == .chunked {
            var size = ByteBuffer(minimumCapacity: 64)
            size.append(hex: UInt64(piece.count))
            size.append("\r\n")
            let lineEnd = worker.lineEnd
            fetch.sendBody(size.span, piece, lineEnd.span)
        } else {
            fetch.sendBody(piece, Span(), Span())
        }
    }

    /// What is wrong with the content shows only now: answered if no answer has begun.
    private func refuseContent(_ outcome: Outcome) {
        endFetch()
        if output.hasBegun { return cutShort(outcome) }
        _ = refuse(outcome)
    }

    /// More bytes from the client while its request is in progress.
    func clientReadable() {
        guard let client else { return }
        // Bytes that can't be used yet are kept, and what is kept has to fit the input buffer again.
        let isWaiting = fetch.map { !$0.isConnected } ?? false
        let room = content.isComplete || isWaiting ? client.roomAhead : client.loop.input.capacity
        guard room > 0 else { return client.awaitNothingToRead() }
        switch client.receive(after: 0, atMost: room) {
        case .wouldBlock: return
        case .failed: clientIsGone()
        case .ended:
            if isTunnel && status == 101 { return endTunnel() }
            guard content.isComplete else { return clientIsGone() }
            // It may have closed its sending side alone and still wait for the answer.
            client.peerEnded()
        case .bytes(let count):
            let input = worker.loop.input
            let bytes = input.span(count: count)
            if isTunnel && status == 101 {
                client.awaitTunnel()
                fetch?.sendBody(bytes, Span(), Span())
                if let fetch, !fetch.takesBody { client.awaitNothingToRead() }
                return
            }
            if content.isComplete { return client.keepAhead(bytes) }
            if isWaiting {
                client.keep(bytes)
                return client.awaitNothingToRead()
            }
            takeContent(bytes)
            guard self.client != nil else { return }
            if content.isCollecting {
                switch contentProgress() {
                case .next(let step): resume(at: step)
                case .wait, .done: return
                }
            } else if let fetch, !content.isComplete {
                if fetch.takesBody { client.awaitContent() } else { client.awaitNothingToRead() }
            } else if content.isComplete {
                client.awaitNothing()
            }
        }
    }

    /// One side of a tunnel has ended: what is under way to the client still goes out.
    func endTunnel() {
        endFetch()
        output.closes = true
        complete()
    }
}

extension RequestHead {
    /// Whether the client says anything about hops before it.
    var hasForwarding: Bool {
        let fields: FieldSet = [.xForwardedFor, .xForwardedProto, .xForwardedHost, .forwarded]
        return !present.isDisjoint(with: fields)
    }
}
