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
        do throws(AdminUnreachable) { result = try ask() } catch {
            guard let pid else { throw error.failure }
            // A file that can't be read would be refused by the daemon as well.
            _ = try daemon.source.read()
            for line in error.failure.lines { System.printError(line) }
            do throws(SystemFault) { try System.send(signal: .hangUp, to: pid) } catch {
                throw CommandFailure("process \(pid): \(error)")
            }
            return System.print("sent SIGHUP to process \(pid); its log says whether the configuration was reloaded")
        }
        guard result.isSuccess else { throw result.failure }
        System.print(result.json?["detail"]?.text ?? "configuration reloaded")
    }

    private func ask() throws(AdminUnreachable) -> AdminResult {
        do {
            return try daemon.client().exchange("POST", "/reload")
        } catch let failure as CommandFailure {
            throw AdminUnreachable(failure: failure)
        } catch {
            throw AdminUnreachable(failure: CommandFailure("\(error)"))
        }
    }
}

/// The daemon could not be asked.
private struct AdminUnreachable: Error {
    let failure: CommandFailure
}
