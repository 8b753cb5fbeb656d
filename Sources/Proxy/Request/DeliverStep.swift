// Answering from the store (RFC 9111 §4, RFC 9110 §13, §15.4.5): the stored head as it lies, the few lines that are
// this answer's own, and the body from where it lies. The usual hit is one system call and allocates nothing.

import CacheStorage
import HTTPCaching
import HTTPWire

extension Transaction {
    func deliver() -> Progress {
        guard let stored else { preconditionFailure("what is delivered was found before") }
        outcome = verdict.outcome
        if facts.hasConditions && isNotModified(stored) {
            deliverNotModified(stored)
            return .done
        }
        if facts.hasRange, head.method == .get, stored.status == 200, deliverRange(stored) { return .done }
        status = Int(stored.status)
        decideConnection()
        worker.scratch.append(stored.head)
        appendOwnFields(stored)
        if !stored.description.headHasContentLength && status != 204 && status != 304 {
            Forwarding.appendField("Content-Length", decimal: UInt64(stored.bodyCount), to: &worker.scratch)
        }
        Forwarding.endHead(&worker.scratch)
        let isHead = head.method == .head
        entry?.counters.hits += 1
        emitStored(stored, range: isHead ? 0..<0 : 0..<stored.bodyCount)
        return .done
    }

    /// `Age`, `X-Cache`, `Cache-Status`, and what this connection needs.
    func appendOwnFields(_ stored: StoredResponse) {
        let now = worker.instant
        let age = stored.facts.currentAge(at: now)
        Forwarding.appendField("Age", decimal: UInt64(max(0, age.count)), to: &worker.scratch)
        if world.showsXCache { appendXCache() }
        if world.showsCacheStatus { appendStoredStatus(timeToLive: stored.facts.lifetime - age) }
        appendConnectionField()
    }

    /// RFC 9211 §2.1: a hit is what the origin was not asked for.
    private func appendStoredStatus(timeToLive: Seconds) {
        if let forward {
            var member = CacheStatus(.forwarded(forward))
            member.forwardStatus = forwardStatus
            member.timeToLive = timeToLive
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

    private func isNotModified(_ stored: StoredResponse) -> Bool {
        var conditionals = Conditionals(method: facts.method, stored: stored.facts, now: worker.instant)
        let bytes = self.bytes
        for field in head.fields where field.known == .ifNoneMatch || field.known == .ifModifiedSince {
            guard let known = CachingField(field.known) else { continue }
            conditionals.note(known, bytes.extracting(field.value), etag: stored.etag)
        }
        return conditionals.verdict == .notModified
    }

    private func deliverNotModified(_ stored: StoredResponse) {
        status = 304
        decideConnection()
        worker.scratch.append("HTTP/1.1 304 Not Modified\r\n")
        forEachLine(of: stored.head) { name, line in
            guard let field = CachingField(FieldName.recognise(name)), StoredFieldRule.belongsIn304(field) else {
                return
            }
            worker.scratch.append(line)
        }
        worker.scratch.append("Via: 1.1 larder\r\n")
        appendOwnFields(stored)
        Forwarding.endHead(&worker.scratch)
        entry?.counters.hits += 1
        emit()
        complete()
    }

    /// One range of a complete stored response (RFC 9110 §14.2). Several ranges, and whatever can't be understood, are
    /// answered with the whole, as §14.2 allows.
    private func deliverRange(_ stored: StoredResponse) -> Bool {
        let bytes = self.bytes
        guard let value = head.first(.range), head.fields.count(where: { $0.known == .range }) == 1 else {
            return false
        }
        if let condition = head.first(.ifRange) {
            let holds = ifRangeHolds(
                bytes.extracting(condition), storedETag: stored.etag, storedLastModified: stored.lastModified,
                stored: stored.facts)
            guard holds else { return false }
        }
        switch rangeVerdict(bytes.extracting(value), length: Int64(stored.bodyCount)) {
        case .whole: return false
        case .unsatisfiable:
            status = 416
            decideConnection()
            worker.scratch.append("HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\nContent-Range: bytes */")
            worker.scratch.append(decimal: stored.bodyCount)
            worker.scratch.append("\r\nVia: 1.1 larder\r\n")
            worker.appendDate()
            appendOwnFields(stored)
            Forwarding.endHead(&worker.scratch)
            emit()
            complete()
        case .part(let part):
            let range = Int(part.lowerBound)..<Int(part.upperBound)
            status = 206
            decideConnection()
            worker.scratch.append("HTTP/1.1 206 Partial Content\r\n")
            forEachLine(of: stored.head) { name, line in
                if FieldName.recognise(name) != .contentLength { worker.scratch.append(line) }
            }
            Forwarding.appendField("Content-Length", decimal: UInt64(range.count), to: &worker.scratch)
            worker.scratch.append("Content-Range: bytes ")
            worker.scratch.append(decimal: range.lowerBound)
            worker.scratch.append("-")
            worker.scratch.append(decimal: range.upperBound - 1)
            worker.scratch.append("/")
            worker.scratch.append(decimal: stored.bodyCount)
            worker.scratch.append("\r\n")
            appendOwnFields(stored)
            Forwarding.endHead(&worker.scratch)
            entry?.counters.hits += 1
            emitStored(stored, range: range)
        }
        return true
    }
}

/// Calls `body` with the name and the whole line, CRLF included, of every field in a stored head, whose first line is
/// the status line.
func forEachLine(of head: Span<UInt8>, _ body: (_ name: Span<UInt8>, _ line: Span<UInt8>) -> Void) {
    var start = 0
    var isFirst = true
    while start < head.count {
        var end = start
        while end < head.count && head[end] != 0x0A { end += 1 }
        end = min(end + 1, head.count)
        if !isFirst {
            var colon = start
            while colon < end && head[colon] != 0x3A { colon += 1 }
            body(head.extracting(start..<colon), head.extracting(start..<end))
        }
        isFirst = false
        start = end
    }
}

extension Span where Element == UInt8 {
    /// Whether the bytes are the same.
    func isSame(as other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in indices where self[index] != other[index] { return false }
        return true
    }
}
