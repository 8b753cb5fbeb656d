import Foundation

// curl and wrk, as users and load: always with a bound.

/// Runs curl, silent and with errors shown.
package func curl(_ arguments: String..., within seconds: Double = 60) throws -> Finished {
    try run(["curl", "-sS", "--max-time", "\(Int(seconds))"] + arguments, within: seconds + 5)
}

/// wrk in the background, so that something can happen to the daemon meanwhile.
package final class Wrk: Sendable {
    package struct Report: Sendable, CustomStringConvertible {
        package let requests: Int
        package let failures: Int
        package let description: String
    }

    private let process: ChildProcess
    private let seconds: Int

    package init(_ url: String, seconds: Int, connections: Int = 16) throws {
        self.seconds = seconds
        process = try ChildProcess([
            "wrk", "-t1", "-c\(connections)", "-d\(seconds)s", "--timeout", "10s", url,
        ])
    }

    package var isRunning: Bool { process.isRunning }

    /// Waits for its end; failures are socket errors and answers other than 2xx and 3xx.
    package func report() throws -> Report {
        guard process.wait(within: Double(seconds) + 15) == .exited(0) else {
            process.stop(within: 1)
            throw HarnessError("wrk did not end well\n\(process.lastWords)")
        }
        let output = process.standardOutput
        func number(before text: String) -> Int {
            guard let range = output.range(of: text) else { return 0 }
            return Int(output[..<range.lowerBound].split(whereSeparator: { !$0.isNumber }).last ?? "0") ?? 0
        }
        var failures = 0
        for line in output.split(separator: "\n") where line.contains("Socket errors") || line.contains("Non-2xx") {
            failures += line.split(whereSeparator: { !$0.isNumber }).compactMap { Int($0) }.reduce(0, +)
            if line.contains("Non-2xx") { failures -= 5 }  // the digits of its own label, "Non-2xx or 3xx"
        }
        return Report(requests: number(before: " requests in"), failures: failures, description: output)
    }

    package func stop() { process.stop(within: 1) }
}
