import Foundation

// A program that a test started: its output in files, its end bounded. It dies with the test process (setpriv's
// --pdeathsig), so that nothing is left behind even when a test crashes.

package final class ChildProcess: Sendable {
    package enum End: Equatable, Sendable {
        case exited(Int32)
        case signalled(Int32)
    }

    package let pid: pid_t
    package let arguments: [String]
    private let outputPath: String
    private let errorPath: String
    private let ended = Locked<End?>(nil)

    /// - Parameters:
    ///   - environment: added to this process's own.
    ///   - passing: a descriptor that the child sees as 3.
    package init(
        _ arguments: [String], in folder: String? = nil, environment: [String: String] = [:],
        standardInput: [UInt8]? = nil, passing: Int32? = nil
    ) throws {
        let folder = try folder ?? TemporaryFolder.make("process")
        let name = "\((arguments[0] as NSString).lastPathComponent)-\(UInt32.random(in: 0 ... .max))"
        self.arguments = arguments
        outputPath = "\(folder)/\(name).out"
        errorPath = "\(folder)/\(name).err"
        var input: Int32?
        if let standardInput {
            let path = "\(folder)/\(name).in"
            try Data(standardInput).write(to: URL(fileURLWithPath: path))
            input = open(path, O_RDONLY | O_CLOEXEC)
        }
        defer { if let input { close(input) } }
        let variables = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        pid = try Spawner.shared.spawn(
            ["setpriv", "--pdeathsig", "KILL"] + arguments, environment: variables.map { "\($0)=\($1)" },
            standardInput: input, standardOutput: outputPath, standardError: errorPath, passing: passing)
    }

    package var standardOutput: String { (try? String(contentsOfFile: outputPath, encoding: .utf8)) ?? "" }
    package var standardError: String { (try? String(contentsOfFile: errorPath, encoding: .utf8)) ?? "" }
    /// The last lines of both streams, for messages.
    package var lastWords: String { String((standardOutput + standardError).suffix(2_000)) }

    /// How it ended, or nil while it runs.
    package var end: End? {
        ended.withLock { ended in
            if let ended { return ended }
            var status: Int32 = 0
            guard waitpid(pid, &status, WNOHANG) == pid else { return nil }
            let signal = status & 0x7f
            ended = signal == 0 ? .exited((status >> 8) & 0xff) : .signalled(signal)
            return ended
        }
    }

    package var isRunning: Bool { end == nil }

    /// Sends a signal, unless the process has ended (its number may be another's by then).
    package func signal(_ number: Int32) {
        guard isRunning else { return }
        kill(pid, number)
    }

    /// Waits for the end; nil if it did not come in time.
    package func wait(within seconds: Double) -> End? {
        eventually(within: seconds, every: 0.002) { end != nil }
        return end
    }

    /// SIGTERM, and SIGKILL when the bound is over.
    @discardableResult
    package func stop(within seconds: Double = 5) -> End? {
        signal(SIGTERM)
        // A stopped process (SIGSTOP) takes the SIGTERM only once it continues.
        signal(SIGCONT)
        if wait(within: seconds) == nil { signal(SIGKILL) }
        return wait(within: 5)
    }

    /// Resident memory, peak resident memory and the like, from /proc, in bytes.
    package func memory(_ name: String = "VmRSS") -> Int {
        guard let status = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("\(name):") })
        else { return 0 }
        return (line.split(whereSeparator: { $0 == " " || $0 == "\t" }).compactMap { Int($0) }.first ?? 0) * 1024
    }
}

/// What a program that ran to its end left.
package struct Finished: Sendable {
    package let status: Int32
    package let output: String
    package let errors: String
}

/// Runs a program to its end, within a bound.
package func run(
    _ arguments: [String], environment: [String: String] = [:], standardInput: [UInt8]? = nil,
    within seconds: Double = 20
) throws -> Finished {
    let process = try ChildProcess(arguments, environment: environment, standardInput: standardInput)
    guard let end = process.wait(within: seconds) else {
        process.stop(within: 1)
        throw HarnessError("\(arguments.joined(separator: " ")) did not end within \(seconds) s\n\(process.lastWords)")
    }
    guard case .exited(let status) = end else {
        throw HarnessError("\(arguments.joined(separator: " ")) ended with \(end)\n\(process.lastWords)")
    }
    return Finished(status: status, output: process.standardOutput, errors: process.standardError)
}
