// The admin listener's place: where it listens, and what a reload of `admin` changes of it.

import Admin
import Configuration
import EventLoop
import Glibc

/// Belongs to the control thread.
final class AdminPlace {
    /// A listening socket for a configuration that isn't taken on yet, with the token that holds then.
    struct Prepared {
        fileprivate let listen: ListenAddress?
        fileprivate let socket: (descriptor: Int32, address: SocketAddress)?
        fileprivate let token: [UInt8]?
    }

    private let inherited: (descriptor: Int32, address: SocketAddress)?
    private var listen: ListenAddress?
    private var listener: AdminListener?
    private(set) var address: SocketAddress?

    init(inherited: (descriptor: Int32, address: SocketAddress)?) { self.inherited = inherited }

    /// Reads the token and, where the address is another one than now, binds it. Nothing changes before ``adopt``.
    func prepare(_ settings: AdminSettings) throws(ConfigurationFaults) -> Prepared {
        let token = try adminToken(of: settings).map { Array($0.utf8) }
        guard let wanted = settings.listen, listener == nil || wanted != listen else {
            return Prepared(listen: settings.listen, socket: nil, token: token)
        }
        if let inherited {
            guard inherited.address.isLoopback || token != nil else {
                let sentence =
                    "can be reached from other machines, so that admin.token or admin.token_file has to be set"
                throw ConfigurationFaults(lines: [
                    "the admin socket \(inherited.address), which was handed over, \(sentence)"
                ])
            }
            let descriptor = fcntl(inherited.descriptor, F_DUPFD_CLOEXEC, 3)
            return Prepared(listen: wanted, socket: (descriptor, inherited.address), token: token)
        }
        guard let address = SocketAddress(wanted) else {
            throw ConfigurationFaults(lines: ["admin.listen: \(wanted) is not an address"])
        }
        do throws(SocketError) {
            let descriptor = try listeningSocket(on: address, reusePort: false, backlog: 64)
            return Prepared(listen: wanted, socket: (descriptor, boundAddress(of: descriptor) ?? address), token: token)
        } catch {
            throw ConfigurationFaults(lines: ["admin.listen: cannot listen: \(error)"])
        }
    }

    /// What was prepared isn't needed after all.
    func discard(_ prepared: Prepared) {
        if let socket = prepared.socket { System.close(socket.descriptor) }
    }

    /// Listens where it was prepared to; `listening` makes the listener for a new socket. The one before is closed at the
    /// end of the turn, since the reload may have been asked for through it.
    func adopt(
        _ prepared: Prepared, on loop: EventLoop,
        listening: (_ descriptor: Int32, _ address: SocketAddress, _ token: [UInt8]?) -> AdminListener
    ) {
        guard prepared.listen != listen || prepared.socket != nil else {
            listener?.setToken(prepared.token)
            return
        }
        if let old = listener {
            let path = ownPath
            loop.atEndOfTurn {
                old.close()
                if let path { System.remove(file: path) }
            }
        }
        listen = prepared.listen
        address = prepared.socket?.address
        listener = prepared.socket.map { listening($0.descriptor, $0.address, prepared.token) }
    }

    /// As the process ends.
    func removeSocketFile() {
        if let path = ownPath { System.remove(file: path) }
    }

    /// Of a unix socket that this process made itself.
    private var ownPath: String? {
        guard inherited == nil, let address, address.family == .unix else { return nil }
        return String(decoding: address.bytes, as: UTF8.self)
    }
}
