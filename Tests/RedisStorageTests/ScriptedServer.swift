// A server on a unix socket with scripted replies, for replies that no Redis would send.

import Foundation

/// Accepts one connection after another and replies to each command by its name. Everything that arrives at once is
/// treated as complete commands.
final class ScriptedServer: Sendable {
    let path: String
    private let listener: Int32

    /// - Parameter replies: RESP by the command's name. Other commands get no reply.
    init(_ replies: [String: String]) {
        path = NSTemporaryDirectory() + "larder-script-\(UUID().uuidString.prefix(8))"
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = bind(listener, $0, size) }
        }
        listen(listener, 8)
        Thread.detachNewThread { [listener] in Self.serve(listener, replies) }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        unlink(path)
    }

    private static func serve(_ listener: Int32, _ replies: [String: String]) {
        while true {
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else { break }
            var buffer = [UInt8](repeating: 0, count: 64 << 10)
            while true {
                let count = recv(connection, &buffer, buffer.count, 0)
                guard count > 0 else { break }
                for word in String(decoding: buffer[..<count], as: UTF8.self).components(separatedBy: "\r\n") {
                    guard let reply = replies[word] else { continue }
                    _ = reply.withCString { send(connection, $0, strlen($0), Int32(MSG_NOSIGNAL)) }
                }
            }
            close(connection)
        }
        close(listener)
    }
}
