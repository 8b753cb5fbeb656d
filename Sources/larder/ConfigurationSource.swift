// Finds, reads and validates the configuration file.

import ArgumentParser
import Configuration
import ConfigurationReader
import Routing

/// `--config` of every command that reads the file.
struct ConfigurationOption: ParsableArguments {
    @Option(
        name: .customLong("config"), help: ArgumentHelp("Configuration file.", discussion: "", valueName: "file"))
    var file: String?

    static let defaultFile = "/etc/larder/larder.yaml"

    /// `--config`, else `$LARDER_CONFIG`, else the default file.
    var path: String {
        if let file { return file }
        if let file = System.environment("LARDER_CONFIG"), !file.isEmpty { return file }
        return Self.defaultFile
    }

    func read() throws(CommandFailure) -> Configuration {
        do throws(ConfigurationFaults) { return try readConfiguration(file: path) } catch {
            throw CommandFailure(lines: error.lines)
        }
    }
}

/// All faults of a file, one per line.
struct ConfigurationFaults: Error {
    let lines: [String]
}

/// Reads and validates a file, and builds its route table, so that no error of the file shows up only at the start.
func readConfiguration(file path: String) throws(ConfigurationFaults) -> Configuration {
    let bytes: [UInt8]
    do throws(SystemFault) {
        bytes = try System.read(file: path, limit: 4 << 20)
    } catch {
        throw ConfigurationFaults(lines: ["\(path): error: \(error)"])
    }
    let reading = ConfigurationFile.read(bytes: bytes, fileName: path, environment: System.environment)
    guard let configuration = reading.configuration else {
        throw ConfigurationFaults(lines: reading.faults.map(\.description))
    }
    do throws(RouteTableFault) {
        _ = try RouteTable(configuration.routes)
    } catch {
        throw ConfigurationFaults(lines: ["\(path): error: routes: \(error)"])
    }
    return configuration
}

/// The admin listener's token; nil if it requires none.
func adminToken(of settings: AdminSettings) throws(ConfigurationFaults) -> String? {
    guard let file = settings.tokenFile else { return settings.token }
    let bytes: [UInt8]
    do throws(SystemFault) {
        bytes = try System.read(file: file, limit: 64 << 10)
    } catch {
        throw ConfigurationFaults(lines: ["admin.token_file: \(file) \(error)"])
    }
    let line = bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    guard !line.isEmpty, line.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
        throw ConfigurationFaults(lines: ["admin.token_file: the first line of \(file) is not a valid token"])
    }
    return String(decoding: line, as: UTF8.self)
}
