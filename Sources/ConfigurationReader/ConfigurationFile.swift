// Reads a configuration file: bytes in, a configuration or all its faults out. No I/O and no clock; the environment and the
// files that it includes are arguments. Size, nesting and alias expansion are bounded for any input.

import Configuration

/// The result of reading a file.
package struct ConfigurationReading: Sendable {
    /// nil if there is any fault.
    package let configuration: Configuration?
    /// All errors, in the order of the file and of those that it includes.
    package let faults: [Fault]
    /// What is allowed but probably a mistake, in the same order.
    package let warnings: [Fault]
}

package enum ConfigurationFile {
    /// A file of more bytes is refused.
    package static let bytesBound = YAMLComposer.bytesBound
    /// A file includes no more files.
    package static let filesBound = IncludeReader.filesBound

    /// Reads YAML 1.2.
    ///
    /// - Parameter fileName: the file name in messages.
    package static func read(
        bytes: [UInt8], fileName: String, in surroundings: Surroundings
    ) -> ConfigurationReading {
        let faults = FaultList(fileName: fileName)
        guard let root = YAMLComposer.compose(bytes, faults: faults) else {
            // What was read before an error of syntax was read in its light.
            return ConfigurationReading(configuration: nil, faults: faults.sortedErrors, warnings: [])
        }
        let configuration = read(root, in: Reading(faults: faults, surroundings: surroundings))
        return ConfigurationReading(
            configuration: faults.count == 0 ? configuration : nil, faults: faults.sortedErrors,
            warnings: faults.sortedWarnings)
    }

    /// Reads a file without a look at what surrounds it.
    package static func read(
        bytes: [UInt8], fileName: String, environment: @escaping (String) -> String?
    ) -> ConfigurationReading {
        read(bytes: bytes, fileName: fileName, in: Surroundings(environment: environment))
    }

    private static func read(_ root: YAMLNode, in reading: Reading) -> Configuration? {
        if case .scalar = root.content, !root.isNull {
            reading.faults.add(
                root.position, "expected keys such as `upstreams:` and `routes:`, found text",
                hint: "the file is YAML: upstreams: {api: http://127.0.0.1:9000}")
            return nil
        }
        guard let file = KeyedValues(root, path: "", in: reading) else { return nil }
        var configuration = Configuration()
        IncludeReader.read(file, root)
        for section in sections { section(file, &configuration) }
        return configuration
    }

    /// The sections of the file, each with its reader. `routes` comes last: it refers to `upstreams`.
    private static let sections: [Part<Configuration>] = [
        SectionReader.readListeners, SectionReader.readStore, SectionReader.readLimits, SectionReader.readLog,
        UpstreamReader.read, RouteReader.read,
    ]
}
