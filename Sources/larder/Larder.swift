// The command line: the list of commands and the exit codes. Each command has its own file.

import ArgumentParser

@main
struct Larder: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "larder", abstract: "A caching reverse proxy for HTTP APIs.",
        version: "larder \(ProgramVersion.text)",
        subcommands: [
            ServeCommand.self, DemoCommand.self, CheckCommand.self, ReloadCommand.self, KeyCommand.self,
            ExplainCommand.self,
            GetCommand.self, SetCommand.self, DeleteCommand.self, PurgeCommand.self, StatsCommand.self,
        ])

    /// Exit codes: 0 success, 1 failure, 2 wrong usage.
    static func main() {
        do {
            var command: any ParsableCommand = try parseAsRoot()
            try command.run()
        } catch let failure as CommandFailure {
            for line in failure.lines { System.printError(line) }
            System.exit(1)
        } catch {
            let text = fullMessage(for: error)
            if exitCode(for: error).isSuccess {
                System.print(text)
                System.exit(0)
            }
            System.printError(text)
            System.exit(2)
        }
        System.exit(0)
    }
}
