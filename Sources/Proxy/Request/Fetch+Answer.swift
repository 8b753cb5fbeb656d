// A fetch's second half: the answer's heads and body as they arrive, framed by RFC 9112 §6.3, and all the ways in which
// it can end.

import Configuration
import EventLoop
import HTTPWire

extension Fetch {
    /// Stops reading while the client can't take more: the origin is slowed by its own socket.
    func pause() {
        guard !isPaused else { return }
        isPaused = true
        awaitOrigin()
    }

    func resume() {
        guard isPaused else { return }
        isPaused = false
        awaitOrigin()
    }

    func originReadable() {
        guard let connection else { return }
        if state == .awaitingHead {
            worker.loop.input.restore(kept.span)
            let before = kept.count
            switch connection.receive(after: before) {
            case .wouldBlock: return
            case .ended, .failed: return broken()
            case .bytes(let count): readHead(count: before + count)
            }
            return
        }
        switch connection.receive() {
        case .wouldBlock: return
        case .failed: broken()
        case .ended:
            if state == .receivingBody && head.framing == .untilClose { finish() } else { broken() }
        case .bytes(let count):
            if state == .receivingBody {
                connection.setDeadline(afterMilliseconds: group.settings.betweenBytesTimeout.rawValue)
            }
            let input = worker.loop.input
            readBody(input.span(count: count))
            if state == .receivingBody || state == .tunnel { consumer.responseTurnEnded() }
        }
    }

    func readHead(count: Int) {
        var start = 0
        while true {
            let input = worker.loop.input
            let bytes = input.span(count: count).extracting(start...)
            do throws(WireError) {
                guard try head.parse(bytes, answering: method, limits: worker.runtime.headLimits) else {
                    kept.removeAll()
                    kept.append(bytes)
                    connection?.setDeadline(afterMilliseconds: group.settings.betweenBytesTimeout.rawValue)
                    return
                }
            } catch {
                return answerIsBroken(error)
            }
            guard head.isInterim else {
                kept.removeAll(keepingUpTo: 4096)
                return beginResponse(bytes)
            }
            // RFC 9110 §15.2: any number of interim answers comes before the final one.
            consumer.interimResponse(head, bytes)
            guard state == .awaitingHead else { return }
            start += head.length
            kept.removeAll()
            if start == count { return }
        }
    }

    func beginResponse(_ bytes: Span<UInt8>) {
        server?.noteSuccess()
        if head.status == 101 {
            guard consumer.acceptsUpgrade else { return answerIsBroken(WireError(.invalidStatusCode, from: .origin)) }
            state = .tunnel
            connection?.clearDeadline()
            consumer.responseBegan(head, bytes)
            if state == .tunnel, bytes.count > head.length { consumer.responseBody(bytes.extracting(head.length...)) }
            if state == .tunnel { consumer.responseTurnEnded() }
            return
        }
        state = .receivingBody
        connection?.setDeadline(afterMilliseconds: group.settings.betweenBytesTimeout.rawValue)
        switch head.framing {
        case .none: remaining = 0
        case .length(let length): remaining = length
        case .chunked: decoder.reset()
        case .untilClose: break
        }
        consumer.responseBegan(head, bytes)
        guard state == .receivingBody else { return }
        readBody(bytes.extracting(head.length...))
        if state == .receivingBody { consumer.responseTurnEnded() }
    }

    func readBody(_ bytes: Span<UInt8>) {
        if state == .tunnel { return consumer.responseBody(bytes) }
        switch head.framing {
        case .none:
            hasExcess = !bytes.isEmpty
            finish()
        case .length:
            let count = Int(min(remaining, UInt64(bytes.count)))
            remaining -= UInt64(count)
            hasExcess = count < bytes.count
            if count > 0 { consumer.responseBody(bytes.extracting(..<count)) }
            if remaining == 0 && state == .receivingBody { finish() }
        case .untilClose:
            if !bytes.isEmpty { consumer.responseBody(bytes) }
        case .chunked:
            var position = 0
            while state == .receivingBody {
                do throws(WireError) {
                    switch try decoder.next(bytes, from: &position) {
                    case .data(let range): consumer.responseBody(bytes.extracting(range))
                    case .needsMore: return
                    case .finished:
                        hasExcess = position < bytes.count
                        finish()
                    }
                } catch {
                    return answerIsBroken(error)
                }
            }
        }
    }

    /// Trailer fields of a chunked answer that is complete, as lines.
    var trailers: [UInt8] { head.framing == .chunked ? decoder.trailers : [] }

    // MARK: Ends

    /// The answer is complete. The connection serves again if both sides are done with it and nothing was left over.
    func finish() {
        state = .ended
        let isReusable = head.keepsAlive && isRequestComplete && backlogStart >= backlog.count && !hasExcess
        if let connection {
            server?.outstanding.wrappingSubtract(1, ordering: .relaxed)
            self.connection = nil
            if isReusable && head.framing != .untilClose {
                connection.clearDeadline()
                worker.origins.giveBack(connection, settings: group.settings)
            } else {
                connection.fetch = nil
                connection.discard()
            }
        }
        consumer.responseEnded()
    }

    func answerIsBroken(_ error: WireError) {
        server?.noteFailure(now: worker.loop.now)
        dropConnection()
        fail(FetchFailure(cause: .brokenAnswer, wire: error))
    }

    /// The connection ended before the answer did. RFC 9110 §9.2.2: an idempotent request whose body wasn't streamed
    /// may go again, once nothing of an answer was seen.
    func broken() {
        let wasStale = connection?.hasServed ?? false
        let maySendAgain =
            state == .awaitingHead && kept.isEmpty && !hasStreamedBody && method.isIdempotent
            && (triesLeft > 0 || wasStale && !avoidsPool)
        if !wasStale { server?.noteFailure(now: worker.loop.now) }
        dropConnection()
        guard maySendAgain else { return fail(FetchFailure(cause: .closedEarly)) }
        worker.counters.retries += 1
        triesLeft = max(0, triesLeft - 1)
        // A stale connection says nothing about its server, but its neighbours in the pool are likely to be as stale.
        avoidsPool = true
        if wasStale || tried & allServers == allServers { tried = 0 }
        start()
    }

    func originDeadlinePassed() {
        switch state {
        case .connecting: refuse(FetchFailure(cause: .connectTimeout))
        case .awaitingHead:
            server?.noteFailure(now: worker.loop.now)
            dropConnection()
            fail(FetchFailure(cause: .firstByteTimeout))
        case .receivingBody, .tunnel:
            dropConnection()
            fail(FetchFailure(cause: .betweenBytesTimeout))
        case .idle, .locating, .ended: break
        }
    }

    func fail(_ failure: FetchFailure) {
        state = .ended
        consumer.fetchFailed(failure)
    }

    func dropConnection() {
        guard let connection else { return }
        if state == .awaitingHead || state == .receivingBody || state == .tunnel {
            server?.outstanding.wrappingSubtract(1, ordering: .relaxed)
        }
        connection.fetch = nil
        connection.discard()
        self.connection = nil
    }

    /// Nobody wants the answer any more.
    func cancel() {
        guard state != .ended else { return }
        dropConnection()
        state = .ended
    }
}
