import Foundation

// A real Redis, which a test may kill, freeze, fill and bring back on the same addresses.

/// What a Redis speaks TLS with, on a port of its own beside the plain one.
package struct RedisCredentials: Sendable {
    package var certificate: CertificatePaths
    /// The certificate of who vouches for others.
    package var authority: String
    /// Whether clients must have a certificate of the authority's.
    package var asksClients = false

    package init(_ certificate: CertificatePaths, authority: String, asksClients: Bool = false) {
        self.certificate = certificate
        self.authority = authority
        self.asksClients = asksClients
    }

    /// As in redis.conf.
    func lines(port: UInt16) -> [(String, String)] {
        [
            ("tls-port", "\(port)"), ("tls-cert-file", certificate.chain), ("tls-key-file", certificate.key),
            ("tls-ca-cert-file", authority), ("tls-auth-clients", asksClients ? "yes" : "no"),
        ]
    }
}

package final class RedisServer: Sendable {
    package let port: UInt16
    /// 0 without TLS.
    package let tlsPort: UInt16
    package let socketPath: String
    private let folder: String
    private let options: [String]
    private let password: String?
    private let process = Locked<ChildProcess?>(nil)

    /// - Parameter options: further ones, as on redis-server's command line.
    package init(
        password: String? = nil, options: [String] = [], port: UInt16 = FreePort.take(), tls: RedisCredentials? = nil
    ) throws {
        self.port = port
        tlsPort = tls == nil ? 0 : FreePort.take(withFree: 10_000)
        folder = try TemporaryFolder.make("redis")
        socketPath = "\(folder)/redis.sock"
        self.password = password
        self.options = options + (tls?.lines(port: tlsPort) ?? []).flatMap { ["--\($0)", $1] }
        try start()
    }

    /// As written in a configuration.
    package var url: String { "redis://\(password.map { ":\($0)@" } ?? "")127.0.0.1:\(port)/0" }
    /// The same over TLS.
    package var tlsURL: String { "rediss://\(password.map { ":\($0)@" } ?? "")127.0.0.1:\(tlsPort)/0" }
    package var unixURL: String { "unix://\(socketPath)" }

    package func start() throws {
        let arguments =
            [
                "redis-server", "--port", "\(port)", "--bind", "127.0.0.1", "--unixsocket", socketPath, "--save", "",
                "--appendonly", "no", "--dir", folder,
            ] + (password.map { ["--requirepass", $0] } ?? []) + options
        let started = try ChildProcess(arguments, in: folder)
        process.withLock { $0 = started }
        guard eventually(within: 10, { (try? command("PING")) == .simple("PONG") }) else {
            throw HarnessError("redis-server did not come up\n\(started.lastWords)")
        }
    }

    /// Ends it at once; `start()` brings it back, empty.
    package func kill() {
        process.withLock { process in
            process?.signal(SIGKILL)
            _ = process?.wait(within: 5)
        }
    }

    /// SIGSTOP: connections stay up and nothing answers.
    package func freeze() { process.withLock { $0?.signal(SIGSTOP) } }
    package func thaw() { process.withLock { $0?.signal(SIGCONT) } }
    package var isRunning: Bool { process.withLock { $0?.isRunning == true } }
    package func stop() { process.withLock { _ = $0?.stop(within: 2) } }

    /// Runs one command on a connection of its own.
    @discardableResult
    package func command(_ arguments: String...) throws -> RedisReply {
        let client = try RedisClient(.port(port), password: password)
        return try client.command(arguments)
    }
}

package indirect enum RedisReply: Equatable, Sendable {
    case simple(String)
    case error(String)
    case integer(Int)
    case bulk([UInt8])
    case null
    case array([RedisReply])

    package var int: Int? { if case .integer(let value) = self { value } else { nil } }
    package var bytes: [UInt8]? { if case .bulk(let value) = self { value } else { nil } }
    /// Of an array's elements.
    package var count: Int { if case .array(let elements) = self { elements.count } else { 0 } }
}

/// A few lines of RESP2, independent of the daemon's own.
package final class RedisClient {
    private let socket: Socket
    private var buffer: [UInt8] = []

    package init(_ endpoint: Endpoint, password: String? = nil, timeout: Double = 5) throws {
        socket = try Socket(connectingTo: endpoint, timeout: timeout)
        if let password { _ = try command(["AUTH", password]) }
    }

    /// Whether a Redis there does what it is told.
    package static func answers(_ port: UInt16) -> Bool {
        (try? RedisClient(.port(port), timeout: 0.5).command(["PING"])) == .simple("PONG")
    }

    package func command(_ arguments: [String]) throws -> RedisReply {
        var text = "*\(arguments.count)\r\n"
        for argument in arguments { text += "$\(argument.utf8.count)\r\n\(argument)\r\n" }
        try socket.send(text)
        return try readReply()
    }

    private func fill() throws {
        let bytes = try socket.receive()
        guard !bytes.isEmpty else { throw SocketError.closed }
        buffer += bytes
    }

    private func readLine() throws -> String {
        while true {
            if let index = buffer.firstIndex(of: [13, 10]) {
                let line = Array(buffer[..<index]).text
                buffer.removeFirst(index + 2)
                return line
            }
            try fill()
        }
    }

    private func readReply() throws -> RedisReply {
        let line = try readLine()
        let rest = String(line.dropFirst())
        switch line.first {
        case "+": return .simple(rest)
        case "-": return .error(rest)
        case ":": return .integer(Int(rest) ?? 0)
        case "$":
            guard let count = Int(rest), count >= 0 else { return .null }
            while buffer.count < count + 2 { try fill() }
            let bytes = Array(buffer[..<count])
            buffer.removeFirst(count + 2)
            return .bulk(bytes)
        case "*":
            guard let count = Int(rest), count >= 0 else { return .null }
            return .array(try (0..<count).map { _ in try readReply() })
        default: throw HarnessError("not RESP: \(line)")
        }
    }
}
