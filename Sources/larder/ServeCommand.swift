// `larder serve`: the daemon, from a file or from a few options.

import ArgumentParser
import Configuration

struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Run the proxy.",
        discussion: """
            The configuration is a file, or --upstream names an API that every request goes to. SIGHUP reads the file \
            again; SIGTERM lets requests in flight finish and stops, a second one stops at once.
            """)

    @OptionGroup var source: ConfigurationOption
    @Option(help: ArgumentHelp("Serve this API without a file.", valueName: "url")) var upstream: String?
    @Option(help: ArgumentHelp("Where clients connect; may be repeated. Default: 127.0.0.1:8080", valueName: "address"))
    var listen: [String] = []
    @Option(help: ArgumentHelp("How long answers are fresh that don't say so themselves.", valueName: "duration"))
    var timeout: String?
    @Option(help: ArgumentHelp("Keep answers in this Redis instead of memory.", valueName: "url")) var redis: String?

    func validate() throws {
        if upstream != nil {
            if source.file != nil {
                throw ValidationError("--upstream and --config exclude each other: name the upstream in the file.")
            }
        } else if !listen.isEmpty || timeout != nil || redis != nil {
            throw ValidationError(
                "--listen, --timeout and --redis go with --upstream; a file says these things itself.")
        }
    }

    func run() throws {
        let daemon: Daemon
        if let upstream {
            let configuration: Configuration
            do throws(ValueFault) {
                configuration = try .quick(upstream: upstream, listen: listen, timeout: timeout, redis: redis)
            } catch {
                throw ValidationError("\(error)")
            }
            daemon = try Daemon(configuration, from: .options)
        } else {
            daemon = try Daemon(try source.read(), from: .file(source.path))
        }
        try daemon.start()
        daemon.run()
    }
}
