// Listening sockets passed by the service manager (sd_listen_fds(3)): descriptors from 3 on, announced in the environment
// of this process.

import Configuration
import EventLoop

struct InheritedSockets {
    /// For clients, in the order of their descriptors.
    private(set) var clients: [(descriptor: Int32, address: SocketAddress)] = []
    private(set) var admin: (descriptor: Int32, address: SocketAddress)?

    /// What LISTEN_FDS and its companions announce.
    struct Announcement: Equatable {
        static let firstDescriptor: Int32 = 3
        /// The name of each descriptor; empty if it has none.
        let names: [String]

        /// Nil if nothing is announced to the process `identifier`.
        init?(count: String?, process: String?, names: String?, identifier: Int) {
            guard let count = count.flatMap({ Int($0) }), count > 0, count <= 1024,
                process.flatMap({ Int($0) }) == identifier
            else { return nil }
            var list = (names ?? "").split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            if list.count > count { list.removeLast(list.count - count) }
            self.names = list + Array(repeating: "", count: count - list.count)
        }
    }

    /// Takes over the announced sockets. One named `admin`, or bound to the address of the admin listener, is used for that.
    init(admin adminAddress: ListenAddress?) throws(SystemFault) {
        defer { for name in ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"] { System.removeEnvironment(name) } }
        guard
            let announced = Announcement(
                count: System.environment("LISTEN_FDS"), process: System.environment("LISTEN_PID"),
                names: System.environment("LISTEN_FDNAMES"), identifier: System.processIdentifier)
        else { return }
        let wanted = adminAddress.flatMap { SocketAddress($0) }
        for (index, name) in announced.names.enumerated() {
            let descriptor = Announcement.firstDescriptor + Int32(index)
            guard System.adopt(descriptor), System.isListening(descriptor), let address = boundAddress(of: descriptor)
            else {
                throw SystemFault("descriptor \(descriptor) of LISTEN_FDS is not a listening stream socket")
            }
            if name == "admin" || address == wanted {
                guard admin == nil else { throw SystemFault("LISTEN_FDS has two sockets for the admin listener") }
                admin = (descriptor, address)
            } else {
                clients.append((descriptor, address))
            }
        }
    }
}
