// Where the daemon's admin listener is, though its file can't be used: whoever is in the middle of editing routes must still reach
// the daemon. The section `admin` is read by itself, with nothing else around it.

import Configuration
import ConfigurationReader

/// The section `admin` of a file with faults; nil if that has faults itself, or can't be told from the rest. Without the section
/// it is the default.
func adminSection(ofFile path: String) -> AdminSettings? {
    guard let bytes = try? System.read(file: path, limit: 4 << 20) else { return nil }
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    var section: [UInt8] = []
    if let start = lines.firstIndex(where: { $0.starts(with: Array("admin:".utf8)) }) {
        // Up to the next line that doesn't belong to it: neither indented, nor empty, nor a comment.
        let rest = lines[(start + 1)...].prefix { line in
            line.first.map { " \t\r#".utf8.contains($0) } ?? true
        }
        section = Array(([lines[start]] + rest).joined(separator: [UInt8(ascii: "\n")]))
    }
    let file = section + Array("\nupstreams: {a: 'http://127.0.0.1:1'}\nroutes: [{path: /, upstream: a}]\n".utf8)
    return ConfigurationFile.read(bytes: file, fileName: path, environment: System.environment).configuration?.admin
}
