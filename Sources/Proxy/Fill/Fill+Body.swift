// How a fill takes the body: kept whole for the store and for readers, in lockstep where it outgrows what may be kept, and
// put into the stores when it is complete.

import Bytes
import CacheStorage
import HTTPCaching

extension Fill {
    func received(_ piece: Span<UInt8>) {
        service.counters.bytesFromOrigins += piece.count
        switch body {
        case .none: return
        case .collecting:
            do throws(StoredResponseBuilder.Refusal) { try feed.append(piece) } catch {
                let reader = self.reader
                service.note(error.isMemory ? .outOfMemory(status) : .notStored(status, error.reason), of: keys)
                stopCollecting()
                // Whoever took over the exchange is given the piece as well.
                guard body == .lockstep else {
                    if isOver { reader?.fillReceived(piece, at: arrived) }
                    return
                }
                feed.spill(piece)
            }
        case .lockstep: feed.spill(piece)
        }
        let position = arrived
        arrived += piece.count
        if !isHeldBack { reader?.fillReceived(piece, at: position) }
    }

    /// It can't be kept whole. With nobody else reading the first reader goes on with the exchange; else all go on in
    /// lockstep.
    private func stopCollecting() {
        service.counters.storeRefused += 1
        isToBeStored = false
        body = .none
        withdraw()
        noteHitForMiss(isShort: false)
        if isHeldBack {
            // Nothing has gone out yet, and without the whole nothing can.
            feed.refuse(.hitForMiss)
            partial = nil
            return reader == nil ? end() : askAgain()
        }
        let others = feed.readers - (reader == nil ? 0 : 1)
        if others == 0 && (reader == nil || reader?.readCount == arrived) { return handOverRest() }
        body = .lockstep
        if let reader { feed.advance(first, to: reader.readCount) }
    }

    /// No more of the body came in this turn.
    func turnEnded() {
        reader?.fillTurnEnded()
        if !isOver, body == .lockstep { holdSource() }
    }

    /// In lockstep the origin is read on when somebody has what there is, and others don't lag too far behind.
    func holdSource() {
        if let reader { feed.advance(first, to: reader.readCount) }
        if feed.hold() { source?.pause() } else { source?.resume() }
    }

    /// The body is complete.
    func completed() {
        var whole: StoredResponse?
        let isMissingPart = partial?.missing != nil
        do throws(StoredResponseBuilder.Refusal) { whole = try feed.complete(withholding: isMissingPart) } catch {
            service.counters.storeRefused += 1
            service.note(.notStored(status, error.reason), of: keys)
        }
        // What the first reader is sent is what arrived; what is stored may be more, and laid out in its own way.
        let content = whole
        if let part = whole, partial?.range != nil { whole = joined(part) }
        // Others get what is whole now, and none of its parts.
        let isForOthers = !isMissingPart || whole?.isResponse == true && keys.key == feed.key
        if isMissingPart && isForOthers, let whole { feed.complete(with: whole) }
        if let whole, isToBeStored {
            keep(whole, movedFrom: partial?.known == nil ? nil : feed.key, holding: noteCompleted())
        } else if body == .collecting, whole != nil {
            // Those that had asked before find it with the fill all the same.
            if claim.refusal != nil { _ = noteCompleted() }
            service.note(.notStored(status, notStoredReason ?? .storeUnavailable), of: keys)
        }
        withdraw()
        if !isForOthers { feed.refuse(.ownReason) }
        if let whole, let forGet, isToBeStored { keepForGet(whole, forGet) }
        guard let reader else { return end() }
        if isHeldBack {
            guard let whole else {
                partial = nil
                return askAgain()
            }
            let how = isMissingPart ? FillDelivery.joined : .whole
            end()
            return reader.fillDelivers(whole, how, by: self)
        }
        let trailers = source?.trailers ?? []
        end()
        reader.fillEnded(content, trailers: trailers)
    }
}
