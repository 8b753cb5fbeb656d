// `larder reload`: has the running daemon read its file again, and prints what is wrong with that. It is what systemd runs.

import Admin
import ArgumentParser

struct ReloadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload", abstract: "Have the running daemon reload its configuration file.",
        discussion: "A file with errors changes nothing; every error is printed, and the exit code is 1.")

    @Option(
        help: ArgumentHelp(
            "If the admin listener is off or cannot be reached, send SIGHUP to this process; the result is in its log.",
            valueName: "process"))
    var pid: Int32?
    @OptionGroup var daemon: AdminOption

    func validate() throws {
        if let pid, pid < 1 { throw ValidationError("--pid: a process number is 1 or more.") }
    }

    func run() throws {
        let result: AdminResult
        do {
            result = try daemon.client().exchange("POST", "/reload")
        } catch let failure as CommandFailure {
            guard pid == nil else { return try hangUp(because: failure) }
            let hint =
                "larder: if the file has just moved the admin listener, use --admin with its old address, or --pid"
            throw CommandFailure(lines: failure.lines + [hint])
        }
        if let pid {
            // The file may have a new token, which the daemon doesn't know yet.
            if result.status == 401 { return try hangUp(because: result.failure) }
            if let other = result.json?["pid"]?.count, other != Int(pid) {
                return try hangUp(because: CommandFailure("process \(other) listens there, not process \(pid)"))
            }
        }
        guard result.isSuccess else { throw result.failure }
        System.print(result.json?["detail"]?.text ?? "configuration reloaded")
    }

    private func hangUp(because failure: CommandFailure) throws {
        guard let pid else { throw failure }
        // A file with errors would be refused by the daemon as well.
        _ = try daemon.source.read()
        for line in failure.lines { System.printError(line) }
        do throws(SystemFault) { try System.send(signal: .hangUp, to: pid) } catch {
            throw CommandFailure("process \(pid): \(error)")
        }
        System.print("sent SIGHUP to process \(pid); its log says whether the configuration was reloaded")
    }
}
