import Foundation

// Origins that people really run, each serving a folder, and a WebSocket echo.

/// nginx in one process, without a master whose children could outlive it.
package final class Nginx: Sendable {
    package let port = FreePort.take()
    package let documents: String
    private let process: ChildProcess

    package init() throws {
        let folder = try TemporaryFolder.make("nginx")
        documents = "\(folder)/documents"
        try FileManager.default.createDirectory(atPath: documents, withIntermediateDirectories: true)
        let configuration = """
            daemon off; master_process off; pid \(folder)/nginx.pid; error_log stderr warn;
            events { worker_connections 1024; }
            http {
              access_log off; client_max_body_size 0; client_body_temp_path \(folder)/body;
              proxy_temp_path \(folder)/proxy; fastcgi_temp_path \(folder)/fastcgi;
              uwsgi_temp_path \(folder)/uwsgi; scgi_temp_path \(folder)/scgi;
              server { listen 127.0.0.1:\(port); root \(documents); default_type application/octet-stream; }
            }
            """
        try configuration.write(toFile: "\(folder)/nginx.conf", atomically: true, encoding: .utf8)
        let arguments = ["/usr/sbin/nginx", "-e", "stderr", "-p", folder, "-c", "\(folder)/nginx.conf"]
        process = try ChildProcess(arguments, in: folder)
        try awaitListening(port, process)
    }

    package var url: String { "http://127.0.0.1:\(port)" }

    /// Puts a file into the folder that is served.
    package func put(_ name: String, _ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: "\(documents)/\(name)"))
        chmod("\(documents)/\(name)", 0o644)
    }

    package func stop() { process.stop(within: 2) }
}

/// Python's `http.server`: HTTP/1.0 answers, closed after each.
package final class PythonHTTPServer: Sendable {
    package let port = FreePort.take()
    package let documents: String
    private let process: ChildProcess

    package init() throws {
        documents = try TemporaryFolder.make("python")
        process = try ChildProcess([
            "python3", "-m", "http.server", "\(port)", "--bind", "127.0.0.1", "--directory", documents,
        ])
        try awaitListening(port, process)
    }

    package var url: String { "http://127.0.0.1:\(port)" }

    package func put(_ name: String, _ text: String) throws {
        try text.write(toFile: "\(documents)/\(name)", atomically: true, encoding: .utf8)
    }

    package func stop() { process.stop(within: 2) }
}

private func awaitListening(_ port: UInt16, _ process: ChildProcess) throws {
    let isUp = eventually(within: 15) {
        (try? Socket(connectingTo: .port(port), timeout: 1)) != nil || !process.isRunning
    }
    guard isUp, process.isRunning else {
        process.stop(within: 1)
        throw HarnessError("\(process.arguments[0]) did not come up\n\(process.lastWords)")
    }
}

/// RFC 6455 for one message at a time of up to 64 KiB, with the RFC's own sample key; enough to prove a tunnel.
package enum WebSocket {
    /// RFC 6455 §1.3.
    package static let key = "dGhlIHNhbXBsZSBub25jZQ=="
    package static let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

    package static let requestFields = [
        "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: \(key)",
    ]

    /// A scripted origin's handler: switches protocols and echoes every text message until the peer leaves.
    package static func echo(_ exchange: Exchange) throws {
        guard exchange.request["Upgrade"]?.lowercased() == "websocket", exchange.request["Sec-WebSocket-Key"] == key
        else {
            return try exchange.respond(426, ["Upgrade: websocket"])
        }
        try exchange.send(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                + "Sec-WebSocket-Accept: \(accept)\r\n\r\n")
        var buffer: [UInt8] = []
        while let bytes = try? exchange.socket.receive(), !bytes.isEmpty {
            buffer += bytes
            while let message = takeMessage(&buffer) { try exchange.send(frame(message, masked: false)) }
        }
        exchange.close()
    }

    /// A text frame; clients mask.
    package static func frame(_ payload: [UInt8], masked: Bool) -> [UInt8] {
        let maskBit: UInt8 = masked ? 0x80 : 0
        var bytes: [UInt8] = [0x81]
        if payload.count < 126 {
            bytes.append(maskBit | UInt8(payload.count))
        } else {
            bytes += [maskBit | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xff)]
        }
        guard masked else { return bytes + payload }
        let mask: [UInt8] = [1, 2, 3, 4]
        return bytes + mask + payload.enumerated().map { $1 ^ mask[$0 % 4] }
    }

    /// Takes a whole frame off the front and answers its payload; nil if more bytes are needed.
    package static func takeMessage(_ buffer: inout [UInt8]) -> [UInt8]? {
        guard buffer.count >= 2 else { return nil }
        let isMasked = buffer[1] & 0x80 != 0
        var count = Int(buffer[1] & 0x7f)
        var start = 2
        if count == 126 {
            guard buffer.count >= 4 else { return nil }
            count = Int(buffer[2]) << 8 | Int(buffer[3])
            start = 4
        }
        let mask = isMasked ? Array(buffer.dropFirst(start).prefix(4)) : []
        if isMasked { start += 4 }
        guard buffer.count >= start + count else { return nil }
        let payload = buffer[start..<start + count].enumerated().map { isMasked ? $1 ^ mask[$0 % 4] : $1 }
        buffer.removeFirst(start + count)
        return payload
    }
}
