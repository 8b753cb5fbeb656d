// Answering from the store (RFC 9111 §4, RFC 9110 §13, §15.4.5): the stored head as it lies, the few lines that are
// this answer's own, and the body from where it lies. The usual hit is one system call and allocates nothing.

import Bytes
import CacheStorage
import HTTPCaching
import HTTPSemantics
import HTTPWire

extension Transaction {
    func deliver() -> Progress {
        guard let stored else { preconditionFailure("what is delivered was found before") }
        outcome = verdict.outcome
        if facts.hasConditions && isNotModified(stored) {
            deliverNotModified(stored)
            return .done
        }
        guard stored.kind == .response else {
            // The body of a part is laid out in a way of its own and goes to nobody as it is.
            self.stored = nil
            partial = nil
            verdict = .miss
            return .next(.fetch)
        }
        if facts.hasRange, head.method == .get, stored.status == 200, deliverRange(stored) { return .done }
        status = Int(stored.status)
        decideConnection()
        appendStoredHead(stored)
        appendOwnFields(stored)
        if !stored.description.headHasContentLength && status != 204 && status != 304 {
            Forwarding.appendField("Content-Length", decimal: UInt64(stored.bodyCount), to: &worker.scratch)
        }
        Forwarding.endHead(&worker.scratch)
        let isHead = head.method == .head
        countHit()
        emitStored(stored, range: isHead ? 0..<0 : 0..<stored.bodyCount)
        return .done
    }

    /// The stored head as it lies.
    func appendStoredHead(_ stored: StoredResponse) {
        guard stored.facts.flags.contains(.tagged), entry?.removesTags == true else {
            return worker.scratch.append(stored.head)
        }
        appendWithoutTags(stored.head)
    }

    /// A head's lines but for those that the route keeps from its clients.
    func appendWithoutTags(_ head: Span<UInt8>) {
        var end = 0
        while end < head.count && head[end] != 0x0A { end += 1 }
        worker.scratch.append(head.extracting(..<min(end + 1, head.count)))
        forEachLine(of: head) { name, line in
            if !isRemovedForClients(FieldName.recognise(name)) { worker.scratch.append(line) }
        }
    }

    func countHit() { if verdict != .miss { entry?.counters.hits += 1 } }

    /// `Age`, `X-Cache`, `Cache-Status`, and what this connection needs.
    func appendOwnFields(_ stored: StoredResponse) {
        let now = worker.instant
        let age = stored.facts.currentAge(at: now)
        Forwarding.appendField("Age", decimal: UInt64(max(0, age.count)), to: &worker.scratch)
        if runtime.showsXCache { appendXCache() }
        if runtime.showsCacheStatus { appendStoredStatus(timeToLive: stored.facts.lifetime - age) }
        appendConnectionField()
    }

    /// RFC 9211 §2.1: a hit is what the origin was not asked for.
    private func appendStoredStatus(timeToLive: Seconds) {
        if let forward {
            var member = CacheStatus(.forwarded(forward))
            member.forwardStatus = forwardStatus
            member.timeToLive = timeToLive
            member.isCollapsed = isCollapsed
            member.isStored = isToBeStored
            member.detail = reason
            return worker.appendCacheStatus(member)
        }
        worker.scratch.append("Cache-Status: larder; hit; ttl=")
        worker.scratch.append(decimal: Int(timeToLive.count))
        if let reason {
            worker.scratch.append("; detail=")
            worker.scratch.append(reason.slug)
        }
        worker.scratch.append("\r\n")
    }

    func appendXCache() { Forwarding.appendField("X-Cache", verdict.text, to: &worker.scratch) }

    /// Whether this answer is the connection's last (RFC 9112 §9.3, §9.6).
    func decideConnection() {
        guard let client else { return }
        output.closes = !head.keepsAlive || client.mustClose || !content.isComplete
    }

    func appendConnectionField() {
        if output.closes {
            worker.scratch.append("Connection: close\r\n")
        } else if head.minorVersion == 0 {
            worker.scratch.append("Connection: keep-alive\r\n")
        }
    }

    func isNotModified(_ stored: StoredResponse) -> Bool {
        var conditionals = Conditionals(method: facts.method, stored: stored.facts, now: worker.instant)
        let bytes = self.bytes
        for field in head.fields where field.known == .ifNoneMatch || field.known == .ifModifiedSince {
            conditionals.note(field.known, bytes.extracting(field.value), etag: stored.etag)
        }
        return conditionals.verdict == .notModified
    }

    private func deliverNotModified(_ stored: StoredResponse) {
        status = 304
        decideConnection()
        worker.scratch.append("HTTP/1.1 304 Not Modified\r\n")
        forEachLine(of: stored.head) { name, line in
            if StoredFieldRule.belongsIn304(FieldName.recognise(name)) { worker.scratch.append(line) }
        }
        worker.scratch.append("Via: 1.1 larder\r\n")
        appendOwnFields(stored)
        Forwarding.endHead(&worker.scratch)
        countHit()
        emit()
        complete()
    }
}

/// The value of a stored field's first line; empty if it isn't there.
func storedValue(of field: FieldName, in head: Span<UInt8>) -> [UInt8] {
    var value: [UInt8]?
    forEachLine(of: head) { name, line in
        if value == nil && FieldName.recognise(name) == field { value = fieldValue(line).copied() }
    }
    return value ?? []
}
