import Foundation

// The daemon under test: the built binary with a configuration of its own, on ports of its own, ready when `init` is back.

package final class LarderProcess: Sendable {
    package let process: ChildProcess
    package let endpoint: Endpoint
    package let adminEndpoint: Endpoint
    package let folder: String
    package let configurationPath: String

    /// `LARDER_BINARY`, else `larder` beside the test bundle.
    package static let binary: String = {
        if let path = ProcessInfo.processInfo.environment["LARDER_BINARY"] { return path }
        var folders = [CommandLine.arguments[0]] + CommandLine.arguments.filter { $0.hasSuffix(".xctest") }
        if let executable = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") {
            folders.append(executable)
        }
        let candidates = folders.map {
            (($0 as NSString).deletingLastPathComponent as NSString).appendingPathComponent("larder")
        }
        return candidates.first { FileManager.default.isExecutableFile(atPath: $0) } ?? "larder"
    }()

    /// How the daemon gets its listening socket.
    package enum Listening: Sendable {
        /// It binds a port itself.
        case itself
        /// It takes over a socket that this process listens on, as under systemd's socket activation.
        case inherited(Socket)
        /// It binds a unix socket in its folder.
        case unix
    }

    /// Starts and waits until it is ready; throws with its last words if it ends instead.
    /// - Parameter launcher: a program with arguments that runs what follows in its own place.
    package init(
        _ configuration: LarderConfiguration, listening: Listening = .itself, adminOnUnixSocket: Bool = false,
        environment: [String: String] = [:], launcher: [String] = [], waitUntilReady: Bool = true
    ) throws {
        folder = try TemporaryFolder.make("larder")
        configurationPath = "\(folder)/larder.yaml"
        let inherited: Socket?
        switch listening {
        case .itself:
            inherited = nil
            endpoint = .port(FreePort.take())
        case .inherited(let socket):
            inherited = socket
            endpoint = .port(socket.localPort)
        case .unix:
            inherited = nil
            endpoint = .unix("\(folder)/http.sock")
        }
        adminEndpoint = adminOnUnixSocket ? .unix("\(folder)/admin.sock") : .port(FreePort.take())
        try Self.text(of: configuration, endpoint, adminEndpoint)
            .write(toFile: configurationPath, atomically: true, encoding: .utf8)
        var arguments = [Self.binary, "serve", "--config", configurationPath]
        if inherited != nil {
            let script = "LISTEN_PID=$$ LISTEN_FDS=1; export LISTEN_PID LISTEN_FDS; exec \"$@\""
            arguments = ["/bin/sh", "-c", script, "sh"] + arguments
        }
        process = try ChildProcess(
            launcher + arguments, in: folder, environment: environment, passing: inherited?.descriptor)
        guard waitUntilReady else { return }
        let isReady = eventually(within: 20) { !process.isRunning || (try? admin("GET", "/readyz").status) == 200 }
        guard isReady, process.isRunning else {
            let end = process.end.map { "ended: \($0)" } ?? "was not ready in time"
            let configuration = (try? String(contentsOfFile: configurationPath, encoding: .utf8)) ?? ""
            process.stop(within: 1)
            throw HarnessError("larder \(end)\n\(process.lastWords)\n\(configuration)")
        }
    }

    private static func text(of configuration: LarderConfiguration, _ listen: Endpoint, _ admin: Endpoint) -> String {
        func written(_ endpoint: Endpoint) -> String {
            switch endpoint {
            case .port(let port): "127.0.0.1:\(port)"
            case .loopback(let host, let port): "127.0.0.\(host):\(port)"
            case .unix(let path): "unix:\(path)"
            }
        }
        return configuration.text(listen: written(listen), admin: written(admin))
    }

    package var port: UInt16 { if case .port(let port) = endpoint { port } else { 0 } }
    package var url: String { "http://127.0.0.1:\(port)" }
    package var adminURL: String { adminEndpoint.description }

    /// A new client connection.
    package func client(timeout: Double = 20, receiveBuffer: Int32? = nil) throws -> RawClient {
        try RawClient(endpoint, timeout: timeout, receiveBuffer: receiveBuffer)
    }

    /// One request on a connection of its own.
    package func request(
        _ method: String = "GET", _ target: String, _ fields: [String] = [], body: [UInt8]? = nil, timeout: Double = 20
    ) throws -> Response {
        let client = try client(timeout: timeout)
        defer { client.close() }
        return try client.request(method, target, fields, body: body)
    }

    package func get(_ target: String, _ fields: [String] = []) throws -> Response {
        try request("GET", target, fields)
    }

    /// Sends bytes on a connection of their own and reads until the daemon closes it.
    package func exchange(_ bytes: [UInt8], timeout: Double = 5) throws -> [UInt8] {
        let client = try client(timeout: timeout)
        defer { client.close() }
        try client.send(bytes)
        return try client.readToEnd()
    }

    /// One request to the admin listener.
    package func admin(
        _ method: String, _ target: String, _ fields: [String] = [], body: [UInt8]? = nil
    ) throws -> Response {
        let client = try RawClient(adminEndpoint, timeout: 10)
        defer { client.close() }
        return try client.request(method, target, ["Host: localhost"] + fields, body: body)
    }

    package func stats() throws -> JSON { try admin("GET", "/stats").json() }

    /// Whether it is in touch with other Larders on the same Redis.
    package func exchangesPurges() throws -> Bool {
        try admin("GET", "/stats").text.contains(#""purges_shared":{"connected":true"#)
    }

    /// A figure of `/stats` by its place; a figure that isn't there is a fault of the test.
    package func figure(_ path: String...) throws -> Int {
        let stats = try stats()
        guard let figure = path.reduce(stats, { $0[$1] }).int else {
            throw HarnessError("no \(path.joined(separator: ".")) in \(stats)")
        }
        return figure
    }

    /// Replaces the configuration file, without a reload.
    package func write(_ configuration: LarderConfiguration) throws {
        try write(Self.text(of: configuration, endpoint, adminEndpoint))
    }

    package func write(_ text: String) throws {
        try text.write(toFile: configurationPath, atomically: true, encoding: .utf8)
    }

    package func signal(_ number: Int32) { process.signal(number) }

    /// A command of the same binary with this daemon's configuration.
    package func command(_ arguments: [String], standardInput: [UInt8]? = nil) throws -> Finished {
        try run([Self.binary] + arguments + ["--config", configurationPath], standardInput: standardInput)
    }

    @discardableResult
    package func stop() -> ChildProcess.End? { process.stop(within: 8) }
}
