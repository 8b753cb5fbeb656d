// A response of Larder's own as a problem document (RFC 9457) with a stable type.

import Bytes
import HTTPWire

/// What a refused request is told.
struct Problem {
    let status: Int
    let slug: StaticString
    let document: [UInt8]

    /// - Parameter wire: what was wrong with the bytes, where that is told instead.
    init(_ outcome: Outcome, _ wire: WireError?) {
        status = wire.map(\.status) ?? outcome.status
        slug = wire.map(\.code) ?? outcome.slug
        var body = ByteBuffer(minimumCapacity: 512)
        body.append("{\"type\":\"urn:larder:problem:")
        body.append(slug)
        body.append("\",\"title\":\"")
        body.append(statusText(status))
        body.append("\",\"status\":")
        body.append(decimal: status)
        body.append(",\"detail\":\"")
        body.append(wire.map(\.sentence) ?? outcome.sentence)
        body.append("\"}\n")
        document = body.span.copied()
    }
}

/// The usual phrase of a status that Larder itself answers with.
package func statusText(_ status: Int) -> StaticString {
    switch status {
    case 200: "OK"
    case 201: "Created"
    case 202: "Accepted"
    case 204: "No Content"
    case 205: "Reset Content"
    case 300: "Multiple Choices"
    case 301: "Moved Permanently"
    case 302: "Found"
    case 303: "See Other"
    case 304: "Not Modified"
    case 307: "Temporary Redirect"
    case 308: "Permanent Redirect"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 408: "Request Timeout"
    case 409: "Conflict"
    case 410: "Gone"
    case 413: "Content Too Large"
    case 414: "URI Too Long"
    case 417: "Expectation Failed"
    case 422: "Unprocessable Content"
    case 426: "Upgrade Required"
    case 428: "Precondition Required"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 500: "Internal Server Error"
    case 451: "Unavailable For Legal Reasons"
    case 501: "Not Implemented"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    case 505: "HTTP Version Not Supported"
    case 508: "Loop Detected"
    default: "Error"
    }
}
