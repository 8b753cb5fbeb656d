// Asking the origin: the request is written anew (RFC 9110 §7.6), without the client's conditions where the answer is to
// be stored and with the stored response's where that is to be validated (RFC 9111 §4.3.1). The client's content follows
// as it arrives.

import Bytes
import HTTPCaching
import HTTPSemantics
import HTTPWire
import Origins

extension Transaction {
    func startFetch() -> Progress {
        guard let entry else { preconditionFailure("a request has its route before its fetch") }
        detach()
        forward = reason?.forward ?? .miss
        fetchBegan = worker.instant
        fetchStarted = worker.cache.moment
        let isWhole = content.isComplete && !content.collectedIsPrefix
        let isKeyed = content.isComplete && content.isExpected && !content.collectedIsPrefix
        let framing: BodyFraming = isKeyed ? .length(UInt64(content.collected.count)) : head.framing
        let exchange = worker.origins.exchange(
            with: entry.group, method: head.method, content: framing, isRequestComplete: isWhole,
            acceptsUpgrade: isTunnel, delegate: self)
        self.exchange = exchange
        appendRequest(to: exchange, framing)
        if isKeyed { exchange.request.append(content.collected) }
        // Content is read once there is somebody to take it.
        if !isWhole { client?.awaitNothingToRead() }
        exchange.start()
        return .wait
    }

    /// Gives the exchange back, which stops if it hasn't ended.
    func endFetch() {
        guard let exchange else { return }
        self.exchange = nil
        worker.origins.retire(exchange)
    }

    private func appendRequest(to exchange: Exchange, _ framing: BodyFraming) {
        guard let entry else { return }
        var plan = RequestForwarding(
            framing: framing, upstreamHost: entry.group.servers[0].authority, peerAddress: worker.text(of: peer))
        plan.keepsClientHost = entry.keepsClientHost
        plan.isPeerTrusted = head.hasForwarding && worker.trusts(peer, in: runtime)
        plan.isClientSecure = scheme == .https
        plan.forwardsExpect = !content.isComplete && content.received == 0
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
        Forwarding.appendRequest(head, bytes, plan, to: &exchange.request)
        if let missing = partial?.missing, let known = partial?.known {
            Forwarding.appendField("If-Range", known.record.etag, to: &exchange.request)
            exchange.request.append("Range: bytes=")
            exchange.request.append(decimal: Int(missing.lowerBound))
            exchange.request.append("-")
            exchange.request.append(decimal: Int(missing.upperBound - 1))
            exchange.request.append("\r\n")
        }
        if isValidating, let stored {
            if !stored.etag.isEmpty { Forwarding.appendField("If-None-Match", stored.etag, to: &exchange.request) }
            if !stored.lastModified.isEmpty {
                Forwarding.appendField("If-Modified-Since", stored.lastModified, to: &exchange.request)
            }
        }
        Forwarding.endHead(&exchange.request)
    }

    // MARK: Content

    /// First what was read ahead of the origin, then what the client sends.
    func exchangeTakesContent(_ exchange: Exchange) {
        guard let client else { return }
        if isTunnel && status == 101 {
            client.awaitTunnel()
            return
        }
        if content.collectedIsPrefix {
            let prefix = content.collected
            content.collected = []
            content.collectedIsPrefix = false
            exchange.send(content: prefix.span)
            if content.isComplete { endContent() }
        }
        takeKeptContent()
        guard self.exchange === exchange, self.client != nil else { return }
        if !content.isComplete && exchange.takesContent { client.awaitContent() }
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
                    exchange?.send(content: bytes.extracting(range))
                    if client == nil || exchange == nil { return }
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
        exchange?.endContent(trailers: content.trailers)
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
        let isWaiting = exchange.map { !$0.isConnected } ?? false
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
                exchange?.send(content: bytes)
                if let exchange, !exchange.takesContent { client.awaitNothingToRead() }
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
            } else if let exchange, !content.isComplete {
                if exchange.takesContent { client.awaitContent() } else { client.awaitNothingToRead() }
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
