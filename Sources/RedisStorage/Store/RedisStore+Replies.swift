// What a reply means to who waited for it, and to the store as a whole. Bulk strings are read where they lie.

import CacheStorage
import EventLoop

extension RedisStore {
    /// At most so many reads a turn, so that other sockets have theirs.
    private static let readsPerTurn = 4

    func readable(_ caller: RedisSocket) {
        reading: for _ in 0..<Self.readsPerTurn {
            guard caller === socket else { break }
            switch caller.receive() {
            case .bytes(let count):
                figures.bytesReceived += count
                work(off: count, from: caller)
                if count < loop.input.capacity { break reading }
            case .wouldBlock: break reading
            case .ended, .failed:
                lose(.connectionLost)
                break reading
            }
        }
        pumpLargeWrites()
        deliver()
    }

    private func work(off count: Int, from caller: RedisSocket) {
        guard let reader else { return }
        let input = loop.input
        var offset = 0
        while offset < count {
            offset = reader.feed(input.span(count: count), from: offset)
            parsing: while true {
                switch reader.next() {
                case .incomplete: break parsing
                case .unintelligible: return lose(.unintelligibleReply)
                case .reply(let reply):
                    handle(reply)
                    guard caller === socket else { return }
                }
            }
        }
    }

    /// Reads a bulk string for the front waiter. Called by the reader; `bytes` are its own.
    func receiveBulk(_ bytes: Span<UInt8>) {
        guard let waiter = waiters[waiters.front], !waiter.isAbandoned else { return }
        switch waiter.command {
        case .lookup where waiter.receiver != nil: received = readRecord(bytes, for: waiter)
        case .readPiece: (waiter.subject as? LargeRead)?.take(bytes)
        default: break
        }
    }

    private func readRecord(_ bytes: Span<UInt8>, for waiter: Waiter) -> Received {
        if bytes.isEmpty { return .miss }
        guard let header = RecordFormat.readHeader(bytes), header.total <= settings.recordLimit else {
            return .unreadable
        }
        let start = RecordFormat.headerCount
        guard header.lengths.keyText == waiter.keyTextCount, bytes.count >= start + waiter.keyTextCount,
            isEqual(bytes.extracting(start..<start + waiter.keyTextCount), keyTexts.first(waiter.keyTextCount))
        else { return .unreadable }
        if header.description.discardAt <= waiter.now { return .miss }
        let contents = bytes.extracting(start..<bytes.count)
        if header.total == bytes.count {
            let record = StoredResponse.assembled(
                kind: header.kind, description: header.description, lengths: header.lengths, from: contents)
            return record.map(Received.hit) ?? .unreadable
        }
        guard header.pieces > 1, bytes.count == RecordFormat.pieceCount,
            let read = LargeRead(header: header, waiter: waiter, ticket: waiters.front), read.begin(with: contents)
        else { return .unreadable }
        return .large(read)
    }

    private func isEqual(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
        guard left.count == right.count else { return false }
        for index in left.indices where left[index] != right[index] { return false }
        return true
    }

    private func handle(_ reply: Reply) {
        let ticket = waiters.front
        let result = received
        received = .nothing
        guard let waiter = waiters.popFirst() else { return lose(.unintelligibleReply) }
        if waiter.keyTextCount > 0 { keyTexts.drop(waiter.keyTextCount) }
        if case .error(let kind) = reply {
            figures.errorReplies += 1
            return handle(kind, for: waiter, ticket: ticket)
        }
        if waiter.isAbandoned { return }
        switch waiter.command {
        case .lookup: finishLookup(waiter, result, reply, ticket: ticket)
        case .readPiece: advanceLargeRead(waiter.subject as? LargeRead)
        case .store:
            figures.stores += 1
            writeSucceeded()
        case .writeProbe: writeSucceeded()
        case .removal:
            guard case .integer(let unlinked) = reply else { return lose(.unintelligibleReply) }
            let count = min(unlinked + waiter.uploadsAbandoned, waiter.keyCount)
            figures.removals += count
            deliveries.append(Delivery(answer: .removal(count, nil), token: waiter.token, receiver: waiter.subject))
        case .writeStep:
            if let write = waiter.subject as? LargeWrite { advance(write, reply) }
        case .ping: serve()
        case .greeting, .ignored: break
        }
    }

    private func finishLookup(_ waiter: Waiter, _ result: Received, _ reply: Reply, ticket: UInt64) {
        guard waiter.receiver != nil else { return }
        guard case .bulk = reply else { return lose(.unintelligibleReply) }
        switch result {
        case .hit(let record):
            figures.hits += 1
            answer(waiter, .hit(record), ticket)
        case .large where largeReads.count >= settings.largeReadLimit:
            figures.refusedLookups += 1
            answer(waiter, .failed(.tooManyWaiting), ticket)
        case .large(let read): begin(read)
        case .unreadable:
            figures.unreadableRecords += 1
            fallthrough
        case .miss, .nothing:
            figures.misses += 1
            answer(waiter, .miss, ticket)
        }
    }

    /// An error reply: to the one who waits, and to the store as a whole where it says something about that.
    private func handle(_ kind: RedisErrorKind, for waiter: Waiter, ticket: UInt64) {
        if !waiter.isAbandoned {
            switch waiter.command {
            case .lookup:
                figures.failures += 1
                answer(waiter, .failed(kind.trouble), ticket)
            case .readPiece: fail(waiter.subject as? LargeRead, kind.trouble)
            case .store: figures.droppedStores += 1
            case .removal:
                deliveries.append(
                    Delivery(answer: .removal(0, kind.trouble), token: waiter.token, receiver: waiter.subject))
            case .writeStep: (waiter.subject as? LargeWrite).map(refuse)
            case .ping, .greeting, .ignored, .writeProbe: break
            }
        }
        switch kind {
        case .wrongPassword, .noAuthentication, .database: lose(kind.trouble)
        case .loading, .masterDown:
            if phase == .greeting || phase == .serving || waiter.command == .ping { probe(.loading, pingNow: false) }
        case .notPermitted where waiter.command == .lookup || waiter.command == .ping: lose(.notPermitted)
        case .outOfMemory, .readOnly, .notPersisting, .notPermitted:
            if waiter.command == .ping {
                serve(limitedBy: kind.trouble)
            } else if phase == .serving {
                limit(kind.trouble)
            }
        case .other:
            if waiter.command == .ping { lose(.otherError) }
        }
    }
}
