// `larder demo`: a sample API and the proxy before it in one process, and three lines to try.

import ArgumentParser
import Configuration
import EventLoop

struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Run a sample API and the proxy before it.")

    @Option(help: ArgumentHelp("Where clients connect.", valueName: "address")) var listen = "127.0.0.1:8080"

    func run() throws {
        let origin: UInt16
        do throws(SocketError) { origin = try SampleAPI.start() } catch {
            throw CommandFailure("the sample API cannot be started: \(error)")
        }
        let configuration: Configuration
        do throws(ValueFault) {
            configuration = try .quick(upstream: "http://127.0.0.1:\(origin)", listen: [listen])
        } catch {
            throw ValidationError("\(error)")
        }
        let daemon: Daemon
        do throws(CommandFailure) {
            daemon = try Daemon(configuration, from: .options)
            try daemon.start()
        } catch {
            let other = "choose another address: larder demo --listen 127.0.0.1:8090, or make run LISTEN=127.0.0.1:8090"
            throw CommandFailure(lines: error.lines + [other])
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

            A sample API stands behind Larder. In another terminal, try

              \(curl) \(url)/tasks                        # twice: X-Cache: MISS, then HIT with its Age
              \(curl) -d 'Water the plants' \(url)/tasks  # a POST to /tasks drops its stored answer: MISS once more
              \(curl) \(url)/slow                         # takes a second; the second time it does not

            Ctrl-C ends it.

            """
    }
}
