import Foundation

// Names of the test's own for one daemon: it runs in a mount namespace in which /etc/hosts is a file that the test writes.
// Needs root, or unprivileged user namespaces.

package final class HostNames: Sendable {
    private let path: String

    /// Whether such a namespace can be had here.
    package static let areAvailable: Bool = {
        guard let names = try? HostNames() else { return false }
        return (try? run(names.launcher + ["true"]))?.status == 0
    }()

    package init(_ names: [String: [String]] = [:]) throws {
        path = "\(try TemporaryFolder.make("names"))/hosts"
        try set(names)
    }

    /// What the names mean from now on.
    package func set(_ names: [String: [String]]) throws {
        let lines = names.flatMap { name, addresses in addresses.map { "\($0) \(name)\n" } }
        // In place: the file itself is what is mounted.
        try Data(("127.0.0.1 localhost\n" + lines.joined()).utf8).write(to: URL(fileURLWithPath: path))
    }

    /// For ``LarderProcess``.
    package var launcher: [String] {
        let script = """
            echo 'hosts: files' > "$1.switch" && mount --bind "$1.switch" /etc/nsswitch.conf \
                && mount --bind "$1" /etc/hosts && shift && exec "$@"
            """
        return ["unshare"] + (geteuid() == 0 ? [] : ["-r"]) + ["-m", "/bin/sh", "-c", script, "sh", path]
    }
}
