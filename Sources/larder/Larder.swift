// The command line: the list of commands and the exit codes. Each command has its own file.

import ArgumentParser
import Configuration

@main
struct Larder: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "larder", abstract: "A caching reverse proxy for HTTP APIs.",
        version: "larder \(ProgramVersion.text)",
        subcommands: [
            ServeCommand.self, DemoCommand.self, CheckCommand.self, ReloadCommand.self, KeyCommand.self,
            ExplainCommand.self,
            GetCommand.self, SetCommand.self, DeleteCommand.self, PurgeCommand.self, StatsCommand.self,
            VersionCommand.self,
        ])

    /// Exit codes: 0 success, 1 failure, 2 wrong usage.
    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        if let word = arguments.first, let sentence = unknownCommand(word) {
            System.printError("larder: \(sentence)")
            System.exit(2)
        }
        do {
            var command: any ParsableCommand = try parseAsRoot(arguments == ["-V"] ? ["--version"] : arguments)
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

    /// What to say if `word` is no command; nil if it is one, or an option.
    static func unknownCommand(_ word: String) -> String? {
        let known = configuration.subcommands.compactMap { $0.configuration.commandName } + ["help"]
        guard !word.hasPrefix("-"), !known.contains(word) else { return nil }
        let near = otherWords[word] ?? nearestName(to: word, among: known)
        return "unknown command \(quoted(word)); "
            + (near.map { "did you mean \(quoted($0))?" } ?? "known commands: \(known.joined(separator: ", "))")
    }

    /// What other servers call these commands.
    private static let otherWords = [
        "run": "serve", "start": "serve", "daemon": "serve", "validate": "check", "configtest": "check",
        "test": "check",
        "status": "stats", "ban": "purge", "invalidate": "purge", "flush": "purge", "clear": "purge", "why": "explain",
    ]
}
