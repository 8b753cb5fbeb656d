// Where the admin listener listens, and how a reload of `admin` moves it to another address.

import Admin
import ArgumentParser
import Configuration
import EventLoop
import Glibc

/// `--admin` of a daemon without a file.
struct AdminListenOption: ParsableArguments {
    @Option(
        help: ArgumentHelp("Address of the admin listener, or off. Default: 127.0.0.1:8081", valueName: "address"))
    var admin: String?

    func apply(to configuration: inout Configuration) throws {
        guard let admin else { return }
        guard admin != "off" else {
            configuration.admin.listen = nil
            return
        }
        let address: ListenAddress
        do throws(ValueFault) { address = try ListenAddress(parsing: admin) } catch {
            throw ValidationError("--admin: \(error)")
        }
        guard address.isLocal else {
            throw ValidationError(
                "--admin: \(address) can be reached from other machines, which requires a token: use a file.")
        }
        guard !configuration.server.listen.contains(where: address.conflicts) else {
            throw ValidationError("--admin: clients are served on \(address).")
        }
        configuration.admin.listen = address
    }
}

/// Belongs to the control thread.
final class AdminEndpoint {
    /// The listening socket and token of a configuration that is not in force yet.
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

    /// Reads the token and, if the address changes, binds the new one. Nothing changes until ``adopt``.
    func prepare(_ settings: AdminSettings) throws(ConfigurationFaults) -> Prepared {
        let token = try adminToken(of: settings).map { Array($0.utf8) }
        guard let wanted = settings.listen, listener == nil || wanted != listen else {
            return Prepared(listen: settings.listen, socket: nil, token: token)
        }
        if let inherited {
            guard inherited.address.isLoopback || token != nil else {
                let sentence =
                    "can be reached from other machines and requires admin.token or admin.token_file"
                throw ConfigurationFaults(lines: [
                    "the inherited admin socket \(inherited.address) \(sentence)"
                ])
            }
            let descriptor = fcntl(inherited.descriptor, F_DUPFD_CLOEXEC, 3)
            return Prepared(listen: wanted, socket: (descriptor, inherited.address), token: token)
        }
        guard let address = SocketAddress(wanted) else {
            throw ConfigurationFaults(lines: ["admin.listen: \(wanted) is not a valid address"])
        }
        do throws(SocketError) {
            let descriptor = try listeningSocket(on: address, reusePort: false, backlog: 64)
            return Prepared(listen: wanted, socket: (descriptor, boundAddress(of: descriptor) ?? address), token: token)
        } catch {
            throw ConfigurationFaults(lines: ["admin.listen: cannot listen: \(error)"])
        }
    }

    /// Closes what was prepared, if the reload failed.
    func discard(_ prepared: Prepared) {
        if let socket = prepared.socket { System.close(socket.descriptor) }
    }

    /// Switches to what was prepared; `listening` creates the listener for a new socket. The old listener is closed at the
    /// end of the turn, because the reload request may have come through it.
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

    /// Called at the end of the process.
    func removeSocketFile() {
        if let path = ownPath { System.remove(file: path) }
    }

    /// The path of a unix socket that this process created itself.
    private var ownPath: String? {
        guard inherited == nil, let address, address.family == .unix else { return nil }
        return String(decoding: address.bytes, as: UTF8.self)
    }
}
