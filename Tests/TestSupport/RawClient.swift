import Foundation

// A client that sends what a test says, byte for byte, and reads what comes back. The connection stays until closed.

/// A final response and the interim ones before it.
package struct Response: Sendable {
    package let head: Head
    package let body: [UInt8]
    package let trailers: [Field]
    /// 1xx responses that came before.
    package let interim: [Head]
    /// False if the connection ended before the body did.
    package let isComplete: Bool
    /// As received, interim responses included (the first MiB).
    package let raw: [UInt8]

    package var status: Int { Self.status(of: head) }
    package var text: String { body.text }
    package subscript(_ name: String) -> String? { head[name] }

    package static func status(of head: Head) -> Int {
        let parts = head.startLine.split(separator: " ")
        return parts.count > 1 ? Int(parts[1]) ?? 0 : 0
    }

    /// The body as JSON.
    package func json() throws -> JSON { try JSON(parsing: body) }
}

package final class RawClient {
    package let socket: Socket
    private let reader: MessageReader

    package init(_ endpoint: Endpoint, timeout: Double = 20, receiveBuffer: Int32? = nil) throws {
        socket = try Socket(connectingTo: endpoint, timeout: timeout, receiveBuffer: receiveBuffer)
        reader = MessageReader(socket)
    }

    package func send(_ text: String) throws { try socket.send(text) }
    package func send(_ bytes: [UInt8]) throws { try socket.send(bytes) }

    /// The head of the next response, interim or final; nil at the end of the stream.
    package func readHead() throws -> Head? {
        reader.beginMessage()
        return try reader.readHead()
    }

    /// Reads one response to its end.
    ///
    /// - Parameters:
    ///   - method: of the request; an answer to HEAD has no body.
    ///   - piece: takes the body's pieces instead of the response, for large ones.
    package func readResponse(to method: String = "GET", piece: (([UInt8]) throws -> Void)? = nil) throws -> Response {
        var interim: [Head] = []
        reader.beginMessage()
        while true {
            guard let head = try reader.readHead() else { throw SocketError.closed }
            let status = Response.status(of: head)
            if (100..<200).contains(status) && status != 101 {
                interim.append(head)
                continue
            }
            var body: [UInt8] = []
            let sink = piece ?? { body += $0 }
            var trailers: [Field] = []
            var isComplete = true
            do {
                if method == "HEAD" || status == 101 || status == 204 || status == 304 {
                } else if head.isChunked {
                    if let fields = try reader.readChunks(sink) { trailers = fields } else { isComplete = false }
                } else if let length = head.contentLength {
                    isComplete = try reader.readExactly(length, sink)
                } else {
                    try reader.readToEnd(sink)
                }
            } catch SocketError.reset {
                isComplete = false
            }
            return Response(
                head: head, body: body, trailers: trailers, interim: interim, isComplete: isComplete, raw: reader.raw)
        }
    }

    /// Sends a request and reads its response. `fields` are lines; `Host` is added unless they hold one.
    package func request(
        _ method: String = "GET", _ target: String, _ fields: [String] = [], body: [UInt8]? = nil
    ) throws -> Response {
        try send(Self.request(method, target, fields, body: body))
        return try readResponse(to: method)
    }

    package static func request(
        _ method: String, _ target: String, _ fields: [String] = [], body: [UInt8]? = nil
    ) -> [UInt8] {
        var lines = ["\(method) \(target) HTTP/1.1"]
        if !fields.contains(where: { $0.lowercased().hasPrefix("host:") }) { lines.append("Host: api.example") }
        lines += fields
        if let body { lines.append("Content-Length: \(body.count)") }
        return Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + (body ?? [])
    }

    /// Reads `count` bytes of a tunnel; false if it ends before.
    package func readExactly(_ count: Int) throws -> Bool { try reader.readExactly(count) { _ in } }

    /// The rest of the stream; nothing if the peer resets it.
    package func readToEnd() throws -> [UInt8] {
        var bytes: [UInt8] = []
        do { try reader.readToEnd { bytes += $0 } } catch SocketError.reset {}
        return bytes
    }

    /// Whether the peer ends the connection within the time, without sending more.
    package func isClosedByPeer(within seconds: Double = 5) -> Bool {
        guard socket.isReadable(within: seconds) else { return false }
        do { return try socket.receive(1).isEmpty } catch { return error as? SocketError == .reset }
    }

    package func close() { socket.close() }
}
