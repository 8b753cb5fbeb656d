// An exchange's third part: the response's heads and body as they arrive, passed to the delegate piece by piece from
// the loop's input buffer.

import Bytes
import EventLoop
import HTTPWire

extension Exchange {
    /// One read: what a client that doesn't take it costs at most.
    private static let readSize = 64 << 10

    func read(from carrier: OriginCarrier) {
        if state.phase == .awaitingHead {
            access.loop.input.restore(partialHead.span)
            let before = partialHead.count
            let result = carrier.receive(after: before, atMost: Self.readSize)
            // What comes over TLS may be none of the response's.
            if result != .wouldBlock { holdsHeads = false }
            switch result {
            case .wouldBlock: return
            case .ended: return perform(state.ended())
            case .failed: return perform(broken(carrier))
            case .bytes(let count): return readHead(count: before + count)
            }
        }
        switch carrier.receive(after: 0, atMost: Self.readSize) {
        case .wouldBlock: return
        case .ended: perform(state.ended())
        case .failed: perform(broken(carrier))
        case .bytes(let count):
            if state.phase == .receivingContent { restartTimeout() }
            let input = access.loop.input
            gathering { gathered in
                var position = 0
                readContent(input.span(count: count), from: &position, gathering: &gathered)
            }
        }
    }

    func broken(_ carrier: OriginCarrier) -> ExchangeAction {
        noteHeldBack()
        guard case .stream(let stream) = carrier else { return state.broke() }
        switch stream.end {
        case .malformed(let error): return state.malformed(error)
        case .unprocessed:
            access.streamCounters.givenBack += 1
            return state.broke(.unprocessed)
        case .refused:
            access.streamCounters.givenBack += 1
            return state.broke(.refused)
        case .broken, nil: return state.broke()
        }
    }

    /// - Parameter count: number of bytes in the input buffer.
    private func readHead(count: Int) {
        var start = 0
        while true {
            let input = access.loop.input
            let bytes = input.span(count: count).extracting(start...)
            do throws(WireError) {
                guard try head.parse(bytes, answering: state.method, limits: access.headLimits) else {
                    partialHead.removeAll()
                    partialHead.append(bytes)
                    return perform(state.receivedPartOfHead())
                }
            } catch {
                return perform(state.malformed(error))
            }
            if case .stream = carrier { head.becomeHTTP2() }
            guard head.isInterim else {
                partialHead.removeAll(keepingUpTo: 4096)
                return begin(bytes)
            }
            // RFC 9110 §15.2: any number of interim responses precedes the final one.
            delegate?.exchange(self, receivedInterim: head, bytes)
            guard state.phase == .awaitingHead else { return }
            start += head.length
            partialHead.removeAll()
            state.receivedInterimHead()
            if start == count { return }
            // Whoever is to take them is behind: what has arrived waits here.
            if state.isPaused { return holdHeads(input.span(count: count).extracting(start...)) }
        }
    }

    private func holdHeads(_ bytes: Span<UInt8>) {
        partialHead.append(bytes)
        holdsHeads = true
    }

    /// Goes on with heads that arrived before a pause.
    func readHeldHeads() {
        guard holdsHeads, !state.isPaused, state.phase == .awaitingHead else { return }
        holdsHeads = false
        access.loop.input.restore(partialHead.span)
        readHead(count: partialHead.count)
    }

    private func begin(_ bytes: Span<UInt8>) {
        if let endpoint, let server { group.noteSuccess(at: endpoint, of: server, now: access.loop.now) }
        let action = state.received(head, bytes)
        guard case .begin = action else { return perform(action) }
        // From the first byte of the response on the request isn't repeated.
        request.removeAll(keepingUpTo: 8192)
        restartTimeout()
        let content = bytes.extracting(head.length...)
        gathering { gathered in
            var position = 0
            let first = state.firstContent(content, from: &position, gathering: &gathered)
            // A response that is broken already doesn't begin.
            if let first, case .fail = first { return perform(first) }
            passOnHead(bytes)
            // If the exchange has ended, the next request may be using it already.
            guard state.phase != .ended else { return }
            readContent(content, from: &position, gathering: &gathered, first: first)
        }
    }

    /// Lends the worker's buffer for content that arrived in pieces. Whoever comes to need it within gets another one.
    private func gathering(_ body: (inout ByteBuffer) -> Void) {
        var gathered = ByteBuffer()
        swap(&gathered, &access.gathered)
        body(&gathered)
        swap(&gathered, &access.gathered)
    }

    /// Passes on the content in `bytes`, and the end of the response.
    /// - Parameter first: what has been decoded already.
    private func readContent(
        _ bytes: Span<UInt8>, from position: inout Int, gathering gathered: inout ByteBuffer,
        first: ExchangeAction? = nil
    ) {
        var action = first ?? state.content(bytes, from: &position, gathering: &gathered)
        while true {
            switch action {
            case .deliver(let range): passOn(bytes.extracting(range))
            case .deliverGathered: passOn(gathered.span)
            case .wait:
                if state.phase != .ended { passOnEndOfTurn() }
                return
            case let end: return perform(end)
            }
            action = state.content(bytes, from: &position, gathering: &gathered)
        }
    }
}

// MARK: - To the delegate

extension Exchange {
    private func passOnHead(_ bytes: Span<UInt8>) {
        guard let transform, let lines = transform.begin(head, bytes) else {
            delegate?.exchange(self, began: head, bytes)
            return
        }
        var other = ResponseHead()
        do throws(WireError) {
            guard try other.parse(lines.span, answering: state.method, limits: Self.noLimits) else {
                return failToTransform()
            }
        } catch {
            return failToTransform()
        }
        if head.isHTTP2 { other.becomeHTTP2() }
        delegate?.exchange(self, began: other, lines.span)
    }

    /// The head that arrived has kept to the limits.
    private static let noLimits = HeadLimits(startLine: .max, head: .max, fields: .max)

    private func passOn(_ piece: Span<UInt8>) {
        guard let transform, transform.changesBody else {
            delegate?.exchange(self, received: piece)
            return
        }
        if !passOn({ transform.take(piece, into: &$0) }) { failToTransform() }
    }

    private func passOnEndOfTurn() {
        if let transform, transform.changesBody {
            guard passOn({ transform.endTurn(into: &$0) }) else { return failToTransform() }
            guard state.phase != .ended else { return }
        }
        delegate?.exchangeTurnEnded(self)
    }

    /// The response is complete, and the connection is another's already.
    func passOnEnd() {
        if let transform, transform.changesBody, !passOn({ transform.finish(into: &$0) }) {
            delegate?.exchange(self, failed: ExchangeFailure(.ownShortage))
            return
        }
        delegate?.exchangeEnded(self)
    }

    /// Lends the worker's buffer for what a transform makes.
    private func passOn(_ work: (inout ByteBuffer) -> Bool) -> Bool {
        var output = ByteBuffer()
        swap(&output, &access.transformed)
        let isWell = work(&output)
        if isWell, !output.isEmpty { delegate?.exchange(self, received: output.span) }
        output.removeAll(keepingUpTo: 128 << 10)
        swap(&output, &access.transformed)
        return isWell
    }

    private func failToTransform() {
        let delegate = self.delegate
        cancel()
        delegate?.exchange(self, failed: ExchangeFailure(.ownShortage))
    }
}
