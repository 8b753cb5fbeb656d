// Reads a configuration file: bytes in, a configuration or all its faults out. No I/O and no clock; the environment is an
// argument. Size, nesting and alias expansion are bounded for any input.

import Configuration

/// The result of reading a file.
package struct ConfigurationReading: Sendable {
    /// nil if there is any fault.
    package let configuration: Configuration?
    /// All of them, in the order of the file.
    package let faults: [Fault]
}

package enum ConfigurationFile {
    /// Reads YAML 1.2.
    ///
    /// - Parameters:
    ///   - fileName: the file name in messages.
    ///   - environment: the value of a variable, nil for one that isn't set.
    package static func read(
        bytes: [UInt8], fileName: String, environment: @escaping (String) -> String?
    ) -> ConfigurationReading {
        let faults = FaultList(fileName: fileName)
        let configuration = YAMLComposer.compose(bytes, faults: faults).flatMap { root in
            read(root, in: Reading(faults: faults, environment: environment))
        }
        return ConfigurationReading(configuration: faults.count == 0 ? configuration : nil, faults: faults.sorted)
    }

    private static func read(_ root: YAMLNode, in reading: Reading) -> Configuration? {
        guard let file = KeyedValues(root, path: "", in: reading) else { return nil }
        var configuration = Configuration()
        for section in sections { section(file, &configuration) }
        return configuration
    }

    /// The sections of the file, each with its reader. `routes` comes last: it refers to `upstreams`.
    private static let sections: [Part<Configuration>] = [
        SectionReader.readListeners, SectionReader.readStore, SectionReader.readLimits, SectionReader.readLog,
        UpstreamReader.read, RouteReader.read,
    ]
}
