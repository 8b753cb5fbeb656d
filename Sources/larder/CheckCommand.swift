// `larder check`: all errors of a configuration file, or one line that says it is valid.

import ArgumentParser

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Validate a configuration file and report every error.")

    @OptionGroup var source: ConfigurationOption

    func run() throws {
        let path = source.path
        do throws(ConfigurationFaults) {
            let configuration = try readConfiguration(file: path)
            _ = try adminToken(of: configuration.admin)
            let (routes, upstreams) = (configuration.routes.count, configuration.upstreams.count)
            System.print("\(path): ok: \(counted(routes, "route")), \(counted(upstreams, "upstream"))")
        } catch {
            throw CommandFailure(lines: error.lines)
        }
    }
}

/// `1 route`, `2 routes`.
func counted(_ count: Int, _ one: String, _ many: String? = nil) -> String {
    "\(count) \(count == 1 ? one : many ?? one + "s")"
}
