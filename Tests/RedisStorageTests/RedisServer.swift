// A redis-server of the test's own: on a unix socket or a free port, in a folder that is deleted when the test ends;
// stopped by its process id.

import Foundation
import RedisStorage
import Testing

/// One server process. `stop` ends it; so does releasing it.
final class RedisServer {
    let folder: URL
    let socketPath: String
    private let extra: [String]
    private var process: Process?

    /// The first in PATH, so that the tests can be run against another server.
    private static let program: URL? = {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":")
        let paths = folders.map { "\($0)/redis-server" }
        return paths.first { FileManager.default.isExecutableFile(atPath: $0) }.map { URL(fileURLWithPath: $0) }
    }()

    static var isInstalled: Bool { program != nil }

    init(_ extra: [String] = []) throws {
        folder = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent(
            "larder-redis-\(UUID().uuidString.prefix(8))")
        socketPath = folder.appendingPathComponent("s").path
        self.extra = extra
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try start()
    }

    deinit {
        stop()
        try? FileManager.default.removeItem(at: folder)
    }

    /// Starts the process and waits until it replies.
    func start() throws {
        try launch()
        let end = Date().addingTimeInterval(10)
        while Date() < end {
            if FileManager.default.fileExists(atPath: socketPath), !(ask("PING").isEmpty) { return }
            usleep(5000)
        }
        Issue.record("redis-server did not start")
    }

    /// Stops the process and starts another one that may still be loading.
    func restartWithoutWaiting() throws {
        stop()
        try launch()
    }

    private func launch() throws {
        let process = Process()
        process.executableURL = Self.program
        process.currentDirectoryURL = folder
        process.arguments =
            [
                "--port", "0", "--unixsocket", socketPath, "--save", "", "--appendonly", "no", "--dir", folder.path,
            ] + extra
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        self.process = process
    }

    func stop() {
        guard let process else { return }
        kill(process.processIdentifier, SIGCONT)
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        self.process = nil
    }

    /// Suspends the process and resumes it.
    func hang() { kill(process!.processIdentifier, SIGSTOP) }
    func goOn() { kill(process!.processIdentifier, SIGCONT) }

    /// What redis-cli prints.
    @discardableResult
    func ask(_ arguments: String...) -> String {
        let client = Process()
        client.executableURL = URL(fileURLWithPath: "/usr/bin/redis-cli")
        client.arguments = ["-s", socketPath] + arguments
        let output = Pipe()
        client.standardOutput = output
        client.standardError = FileHandle.nullDevice
        do { try client.run() } catch { return "" }
        let data = output.fileHandleForReading.readDataToEndOfFile()
        client.waitUntilExit()
        return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
