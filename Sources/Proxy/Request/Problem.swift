// Answers of Larder's own: problem documents (RFC 9457) with a stable type, that never tell an address, a key or what a
// client sent.

import Bytes
import HTTPCaching
import HTTPWire

extension Transaction {
    /// Answers with what `outcome` stands for, and ends the connection where the rest of it can't be read.
    func refuse(_ outcome: Outcome) -> Progress {
        self.outcome = outcome
        if forward == nil { verdict = outcome == .onlyIfCached ? .miss : .bypass }
        if let explainer { return explainer.refused(self, outcome) }
        stored = nil
        let wire = outcome == .malformed || outcome == .originBroken ? wireFault : nil
        if let wire { worker.counters.wireFaults[Int(wire.reason.rawValue)] += 1 }
        let status = wire.map(\.status) ?? outcome.status
        let slug = wire.map(\.code) ?? outcome.slug
        let sentence = wire.map(\.sentence) ?? outcome.sentence
        var body = ByteBuffer(minimumCapacity: 512)
        body.append("{\"type\":\"urn:larder:problem:")
        body.append(slug)
        body.append("\",\"title\":\"")
        body.append(statusText(status))
        body.append("\",\"status\":")
        body.append(decimal: status)
        body.append(",\"detail\":\"")
        body.append(sentence)
        body.append("\"}\n")
        if outcome == .malformed || outcome == .bodyTooLarge || outcome == .bodyTimeout || outcome == .headTimeout {
            output.closes = true
        }
        answer(status: status, reason: statusText(status), detail: slug, content: body.span) { output in
            output.append("Content-Type: application/problem+json\r\nCache-Control: no-store\r\n")
            if status == 405 { output.append("Allow: GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS, QUERY\r\n") }
            if let error = outcome.proxyError {
                output.append("Proxy-Status: larder; error=")
                output.append(error)
                output.append("\r\n")
            }
            if status == 503 { output.append("Retry-After: 1\r\n") }
        }
        return .done
    }

    /// Sends a whole answer of Larder's own.
    func answer(
        status: Int, reason: StaticString, detail: StaticString, content: Span<UInt8> = Span(),
        fields: (inout ByteBuffer) -> Void
    ) {
        self.status = status
        let mustClose = output.closes
        decideConnection()
        if mustClose { output.closes = true }
        worker.scratch.append("HTTP/1.1 ")
        worker.scratch.append(decimal: status)
        worker.scratch.append(" ")
        worker.scratch.append(reason)
        worker.scratch.append("\r\n")
        worker.appendDate()
        fields(&worker.scratch)
        if status != 204 {
            Forwarding.appendField("Content-Length", decimal: UInt64(content.count), to: &worker.scratch)
        }
        appendOwnVerdict(detail)
        appendConnectionField()
        Forwarding.endHead(&worker.scratch)
        output.hasBegun = true
        if head.method != .head && content.count > 0 {
            bodyBytes = content.count
            worker.scratch.append(content)
        }
        emit()
        complete()
    }

    /// What the cache had to do with an answer of Larder's own.
    private func appendOwnVerdict(_ detail: StaticString) {
        if verdict == .none { verdict = .bypass }
        if runtime.showsXCache { appendXCache() }
        guard runtime.showsCacheStatus else { return }
        var member: CacheStatus?
        if let forward {
            member = CacheStatus(.forwarded(forward))
            member?.forwardStatus = forwardStatus
            member?.isCollapsed = isCollapsed
        }
        worker.appendCacheStatus(member, detail: detail)
    }
}

/// The usual phrase of a status that Larder itself answers with.
package func statusText(_ status: Int) -> StaticString {
    switch status {
    case 200: "OK"
    case 202: "Accepted"
    case 204: "No Content"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 408: "Request Timeout"
    case 409: "Conflict"
    case 413: "Content Too Large"
    case 414: "URI Too Long"
    case 417: "Expectation Failed"
    case 422: "Unprocessable Content"
    case 431: "Request Header Fields Too Large"
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    case 505: "HTTP Version Not Supported"
    default: "Error"
    }
}
