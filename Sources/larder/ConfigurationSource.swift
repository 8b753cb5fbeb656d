// Finds, reads and validates the configuration file.

import ArgumentParser
import Configuration
import ConfigurationReader
import Glibc
import Routing
import TLS

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
        do throws(ConfigurationFaults) { return try readConfiguration(file: path).configuration } catch {
            throw CommandFailure(lines: error.lines)
        }
    }
}

/// A file that is valid, and what in it is probably a mistake.
struct ValidConfiguration {
    let configuration: Configuration
    let warnings: [Fault]
}

/// All errors of a file, one per line.
struct ConfigurationFaults: Error {
    let lines: [String]
    /// Errors that have a position in the file, warnings beside them.
    let faults: [Fault]

    init(lines: [String]) {
        self.lines = lines
        faults = []
    }

    fileprivate init(_ reading: ConfigurationReading) {
        lines = reading.faults.map(\.description)
        faults = reading.faults + reading.warnings
    }
}

/// Reads and validates a file, and builds its route table, so that no error of the file shows up only at the start.
/// - Parameters:
///   - complaint: what is wrong with something that the file refers to. By default nobody looks.
///   - credentials: looks at the certificates and keys that the file names.
///   - toleratesTime: whether a certificate that has expired is a warning alone.
func readConfiguration(
    file path: String, complaint: @escaping (Surroundings.Reference) -> String? = { _ in nil },
    credentials: Surroundings.Credentials = certificatesOnDisk, toleratesTime: Bool = true
) throws(ConfigurationFaults) -> ValidConfiguration {
    let bytes: [UInt8]
    do throws(SystemFault) {
        // Larger files get the reader's own sentence.
        bytes = try System.read(file: path, limit: 2 * ConfigurationFile.bytesBound)
    } catch {
        throw ConfigurationFaults(lines: ["\(path): error: \(error)"])
    }
    let surroundings = Surroundings(
        environment: System.environment, complaint: complaint, contents: content(ofFile:bound:),
        credentials: credentials, toleratesTime: toleratesTime, files: { includedFiles($0, of: path) })
    let reading = ConfigurationFile.read(bytes: bytes, fileName: path, in: surroundings)
    guard let configuration = reading.configuration else { throw ConfigurationFaults(reading) }
    do throws(RouteTableFault) {
        _ = try RouteTable(configuration.routes)
    } catch {
        throw ConfigurationFaults(lines: ["\(path): error: routes: \(error)"])
    }
    return ValidConfiguration(configuration: configuration, warnings: reading.warnings)
}

/// Looks at the certificates and keys that a file names.
private var certificatesOnDisk: Surroundings.Credentials {
    let now = Int64(time(nil))
    return Surroundings.Credentials(
        ofListener: { ListenerCredentials.faults(in: $0, now: now) },
        ofServers: { ClientContext.faults(in: $0, now: now) })
}

/// The files that match a pattern of `include` in the file at `path`.
private func includedFiles(_ pattern: String, of path: String) -> Surroundings.IncludedFiles {
    var whole = pattern
    if !pattern.hasPrefix("/"), let slash = path.lastIndex(of: "/") {
        // What the folder is called is no pattern.
        whole = path[...slash].map { "*?[\\".contains($0) ? "\\\($0)" : "\($0)" }.joined() + pattern
    }
    let names = System.paths(matching: whole)
    guard names.count <= ConfigurationFile.filesBound else { return .tooMany }
    return .files(
        names.map { name in
            guard System.isFile(name) else {
                return Surroundings.IncludedFile(name: name, bytes: nil, complaint: "is not a regular file")
            }
            do throws(SystemFault) {
                let bytes = try System.read(file: name, limit: 2 * ConfigurationFile.bytesBound)
                return Surroundings.IncludedFile(name: name, bytes: bytes)
            } catch {
                return Surroundings.IncludedFile(name: name, bytes: nil, complaint: "\(error)")
            }
        })
}

/// What is wrong on this machine with something that a file refers to; nil if nothing is.
func complaint(about reference: Surroundings.Reference) -> String? {
    switch reference {
    case .user(let name): return System.hasUser(name) ? nil : "user `\(name)` does not exist on this machine"
    case .group(let name): return System.hasGroup(name) ? nil : "group `\(name)` does not exist on this machine"
    case .logFile(let path):
        let folder = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
        return System.lacksFolder(folder.isEmpty ? "/" : folder)
            ? "the folder `\(folder)` of the log file does not exist" : nil
    case .tokenFile(let path):
        do throws(SystemFault) { _ = try token(inFile: path) } catch { return "the token file `\(path)` \(error)" }
        return nil
    }
}

/// A file whose content is a part of the configuration.
private func content(ofFile path: String, bound: Int) throws(ValueFault) -> [UInt8] {
    do throws(SystemFault) { return try System.read(file: path, limit: bound) } catch {
        throw ValueFault("the file \(quoted(path)) \(error)")
    }
}

/// The admin listener's token; nil if it requires none.
func adminToken(of settings: AdminSettings) throws(ConfigurationFaults) -> String? {
    guard let file = settings.tokenFile else { return settings.token }
    do throws(SystemFault) { return try token(inFile: file) } catch {
        throw ConfigurationFaults(lines: ["admin.token_file: \(file) \(error)"])
    }
}

private func token(inFile path: String) throws(SystemFault) -> String {
    let line = try System.read(file: path, limit: 64 << 10)
        .prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    guard !line.isEmpty, line.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
        throw SystemFault("has no valid token on its first line")
    }
    return String(decoding: line, as: UTF8.self)
}
