// A complete request to the admin listener, and the response to it.

import Bytes
import HTTPSemantics
import HTTPWire
import Proxy

/// A complete request. Admin requests are few and small, so it owns a copy of all its bytes.
struct AdminRequest {
    let method: Method
    /// Without the query, as it was sent: no path here needs percent-encoding.
    let path: String
    let query: [UInt8]
    let host: [UInt8]
    let origin: [UInt8]?
    let referer: [UInt8]?
    let fetchSite: [UInt8]?
    let authorization: [UInt8]?
    let contentType: [UInt8]?
    let cacheControl: [UInt8]?
    var content: [UInt8] = []

    init(_ head: borrowing RequestHead, in bytes: Span<UInt8>) {
        method = head.method
        path = bytes.extracting(head.path).text()
        query = bytes.extracting(head.query).copied()
        host = bytes.extracting(head.authority).copied()
        origin = Self.value(of: Self.originName, head, bytes)
        referer = Self.value(of: Self.refererName, head, bytes)
        fetchSite = Self.value(of: Self.fetchSiteName, head, bytes)
        authorization = head.first(.authorization).map { bytes.extracting($0).copied() }
        contentType = head.first(.contentType).map { bytes.extracting($0).copied() }
        cacheControl = head.first(.cacheControl).map { bytes.extracting($0).copied() }
    }

    private static let originName = Array("Origin".utf8)
    private static let refererName = Array("Referer".utf8)
    private static let fetchSiteName = Array("Sec-Fetch-Site".utf8)

    /// All lines as one: a second one must not hide the first.
    private static func value(of name: [UInt8], _ head: borrowing RequestHead, _ bytes: Span<UInt8>) -> [UInt8]? {
        var value: [UInt8]?
        for field in head.fields where bytes.extracting(field.name).isSameName(as: name.span) {
            value = (value ?? []) + bytes.extracting(field.value).copied()
        }
        return value
    }

    /// The first query parameter of that name, percent-decoded (RFC 3986 §2.1; a plus sign stays a plus sign). Nil if there
    /// is none, empty if it can't be decoded.
    func parameter(_ name: String) -> [UInt8]? { parameters(name).first }

    /// All query parameters of that name, decoded in the same way.
    func parameters(_ name: String) -> [[UInt8]] {
        query.split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: true).compactMap { pair in
            let end = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
            guard pair[..<end].elementsEqual(name.utf8) else { return nil }
            return Self.decoded(end < pair.endIndex ? pair[(end + 1)...] : [])
        }
    }

    private static func decoded(_ text: ArraySlice<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = text
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(\.hexValue), let low = rest.popFirst().flatMap(\.hexValue) else {
                return []
            }
            bytes.append(high << 4 | low)
        }
        return bytes
    }
}

/// A complete response.
struct AdminResponse {
    var status = 200
    /// Field lines with CRLF, without those that every response has.
    var fields: [UInt8] = []
    var content: [UInt8] = []

    init(_ status: Int = 200, type: StaticString, _ content: [UInt8]) {
        self.status = status
        self.content = content
        add("Content-Type", "\(type)")
    }

    init(_ status: Int, content: [UInt8]) {
        self.status = status
        self.content = content
    }

    static func text(_ status: Int, _ line: String) -> AdminResponse {
        AdminResponse(status, type: "text/plain; charset=utf-8", Array((line + "\n").utf8))
    }

    static func json(_ status: Int, _ content: (inout JSONWriter) -> Void) -> AdminResponse {
        var writer = JSONWriter()
        writer.object(content)
        return AdminResponse(status, type: "application/json", writer.finished())
    }

    /// A problem document (RFC 9457).
    static func problem(
        _ status: Int, _ slug: StaticString, _ detail: String, _ more: (inout JSONWriter) -> Void = { _ in }
    ) -> AdminResponse {
        var writer = JSONWriter()
        writer.object {
            $0.member("type", "urn:larder:problem:\(slug)")
            $0.member("title", ReasonPhrase.of(status))
            $0.member("status", status)
            $0.member("detail", detail)
            more(&$0)
        }
        return AdminResponse(status, type: "application/problem+json", writer.finished())
    }

    mutating func add(_ name: String, _ value: String) { fields += Array("\(name): \(value)\r\n".utf8) }

    mutating func add(_ name: String, bytes value: [UInt8]) {
        fields += Array("\(name): ".utf8) + value + Array("\r\n".utf8)
    }

    /// The bytes on the wire.
    /// - Parameter isHead: the response to HEAD is that to GET without the content (RFC 9110 §9.3.2).
    func serialised(isHead: Bool, closes: Bool, wallMilliseconds: Int64) -> [UInt8] {
        var head = ByteBuffer(minimumCapacity: 512)
        head.append("HTTP/1.1 ")
        head.append(decimal: status)
        head.append(" ")
        head.append(ReasonPhrase.of(status))
        head.append("\r\nDate: ")
        HTTPDate.append(wallMilliseconds / 1000, to: &head)
        head.append("\r\n")
        head.append(fields)
        head.append("Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n")
        Forwarding.appendField("Content-Length", decimal: UInt64(content.count), to: &head)
        if closes { head.append("Connection: close\r\n") }
        Forwarding.endHead(&head)
        if !isHead { head.append(content) }
        return head.span.copied()
    }
}
