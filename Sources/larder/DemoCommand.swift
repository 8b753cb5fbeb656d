// `larder demo`: a sample API behind the proxy, in one process, with three commands to try.

import ArgumentParser
import Configuration
import EventLoop

struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Run a sample API behind the proxy.")

    @Option(help: ArgumentHelp("Address for clients.", valueName: "address")) var listen = "127.0.0.1:8080"
    @OptionGroup var adminListener: AdminListenOption

    func run() throws {
        let origin: UInt16
        do throws(SocketError) { origin = try SampleAPI.start() } catch {
            throw CommandFailure("cannot start the sample API: \(error)")
        }
        var configuration: Configuration
        do throws(ValueFault) {
            configuration = try .quick(upstream: "http://127.0.0.1:\(origin)", listen: [listen])
        } catch {
            throw ValidationError("\(error)")
        }
        try adminListener.apply(to: &configuration)
        let daemon: Daemon
        do throws(CommandFailure) {
            daemon = try Daemon(configuration, from: .options)
            try daemon.start()
        } catch {
            let other = [
                "use other addresses: larder demo --listen 127.0.0.1:8090 --admin 127.0.0.1:8091",
                "or make run LISTEN=127.0.0.1:8090 ADMIN=127.0.0.1:8091",
            ]
            throw CommandFailure(lines: error.lines + other)
        }
        let address = daemon.server.addresses.first ?? SocketAddress(numericHost: "127.0.0.1", port: 8080)!
        System.print(Self.invitation(to: address))
        daemon.run()
    }

    static func invitation(to address: SocketAddress) -> String {
        let (curl, url) =
            switch address.family {
            case .unix: ("curl -i --unix-socket \(address.description.dropFirst("unix:".count))", "http://localhost")
            case .ipv4, .ipv6: ("curl -i", "http://\(address)")
            }
        return """

            A sample API is running behind Larder. In another terminal, try

              \(curl) \(url)/tasks                        # twice: X-Cache: MISS, then HIT with its Age
              \(curl) -d 'Water the plants' \(url)/tasks  # a POST to /tasks invalidates its stored response: MISS again
              \(curl) \(url)/slow                         # takes a second; the next time it comes from the cache

            Press Ctrl-C to stop.

            """
    }
}
