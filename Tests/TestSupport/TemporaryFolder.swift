import Foundation

// One folder a test process, with a janitor: a shell that waits on a pipe for this process's end, however it comes, and
// removes the folder. So a crash or a SIGKILL in the middle of a test leaves no file behind.

package enum TemporaryFolder {
    /// The folder of this test process.
    package static let root: String = {
        var template = Array("/tmp/larder-tests.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { fatalError("mkdtemp: \(String(cString: strerror(errno)))") }
        let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        startJanitor(for: path)
        atexit { TemporaryFolder.removeRoot() }
        return path
    }()

    private static let counter = Locked(0)

    /// A new, empty folder below the root.
    package static func make(_ name: String) throws -> String {
        let number = counter.withLock { value in
            value += 1
            return value
        }
        let path = "\(root)/\(number)-\(name)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    private static func removeRoot() {
        try? FileManager.default.removeItem(atPath: root)
    }

    /// The write end stays open in this process alone (close-on-exec), so the janitor's `read` ends when this process does.
    private static func startJanitor(for path: String) {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { return }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let script = "trap '' INT TERM HUP; read -r _; sleep 0.2; rm -rf \"$1\""
        _ = try? Spawner.shared.spawn(
            ["setsid", "/bin/sh", "-c", script, "janitor", path], environment: ["PATH=/usr/bin:/bin"],
            standardInput: ends[0], standardOutput: nil, standardError: nil, passing: nil)
        close(ends[0])
    }
}
