import Foundation

// systemd's side of sd_notify(3): a datagram socket that collects what a daemon says about itself.

package final class NotifySocket: Sendable {
    package let path: String
    private let descriptor: Int32

    package init() throws {
        let path = try TemporaryFolder.make("notify") + "/socket"
        self.path = path
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard code == 0 else { throw SocketError.last() }
    }

    deinit { close(descriptor) }

    /// Reads messages until one has this line, within the bound; answers what was read.
    package func messages(until line: String, within seconds: Double = 10) -> (found: Bool, lines: [String]) {
        var lines: [String] = []
        let found = eventually(within: seconds) {
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
                guard count > 0 else { break }
                lines += buffer[..<count].split(separator: 10).map { Array($0).text }
                if lines.contains(line) { return true }
            }
            return false
        }
        return (found, lines)
    }
}
