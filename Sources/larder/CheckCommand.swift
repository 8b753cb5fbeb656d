// `larder check`: all errors and warnings of a configuration file, or one line that says it is valid.

import ArgumentParser
import Configuration
import ConfigurationReader
import TLS

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Validate a configuration file and report every error and warning.",
        discussion: "The daemon refuses a file with errors. Warnings point out what is valid but probably a mistake.")

    @Argument(help: "Configuration file.") var file: String?
    @OptionGroup var source: ConfigurationOption
    @Flag(help: "Treat warnings as errors.") var strict = false

    func validate() throws {
        if file != nil, source.file != nil {
            throw ValidationError("the file is given twice: as an argument and with --config.")
        }
    }

    func run() throws {
        let path = file ?? source.path
        let valid: ValidConfiguration
        do throws(ConfigurationFaults) {
            valid = try readConfiguration(file: path, complaint: complaint, toleratesTime: false)
        } catch {
            throw CommandFailure(lines: error.faults.isEmpty ? error.lines : lines(for: error.faults))
        }
        let warnings = lines(for: valid.warnings)
        guard !strict || warnings.isEmpty else { throw CommandFailure(lines: warnings) }
        for line in warnings { System.printError(line) }
        let (routes, upstreams) = (valid.configuration.routes.count, valid.configuration.upstreams.count)
        let seen = warnings.isEmpty ? "" : ", \(counted(warnings.count, "warning"))"
        System.print("\(path): ok: \(counted(routes, "route")), \(counted(upstreams, "upstream"))\(seen)")
        for line in tlsLines(of: valid.configuration.server) { System.print(line) }
    }

    /// What each listener with TLS offers its clients, in order of preference.
    private func tlsLines(of server: ServerSettings) -> [String] {
        server.listen.flatMap { address -> [String] in
            guard let settings = server.tls[address],
                // Its files were right a moment ago.
                let offer = try? ListenerOffer(settings, protocols: server.protocols(behindTLSOf: address))
            else { return [] }
            let versions = [("1.3", offer.tls13Ciphers), ("1.2", offer.tls12Ciphers)].filter { !$0.1.isEmpty }
            return versions.map { "\(address): TLS \($0): \($1.joined(separator: ", "))" } + [
                "\(address): groups: \(offer.groups.joined(separator: ", "))",
                "\(address): ALPN: \(offer.protocols.joined(separator: ", "))",
            ]
        }
    }

    /// In the order of the file.
    private func lines(for faults: [Fault]) -> [String] {
        faults.sorted { $0.position < $1.position }.map { $0.description(as: strict ? .error : $0.severity) }
    }
}
