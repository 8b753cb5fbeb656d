// `larder version`: the same as `--version` and `-V`.

import ArgumentParser

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")

    func run() { System.print(Larder.configuration.version) }
}
