// `larder serve`: runs the daemon, from a file or from options.

import ArgumentParser
import Configuration

#if LARDER_BREAKABLE_RULES
    import CacheStorage
#endif

struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Run the proxy.",
        discussion: """
            The configuration comes from a file, or --upstream names the one API that all requests are forwarded to. SIGHUP \
            reloads the file, SIGUSR1 reopens the log file. SIGTERM lets requests in flight finish, then stops; another one, \
            a second later or more, stops at once.
            """)

    @OptionGroup var source: ConfigurationOption
    @Option(help: ArgumentHelp("Forward to this API, without a file.", valueName: "url")) var upstream: String?
    @Option(help: ArgumentHelp("Address for clients; may be repeated. Default: 127.0.0.1:8080", valueName: "address"))
    var listen: [String] = []
    @Option(help: ArgumentHelp("Lifetime of responses that don't declare one.", valueName: "duration"))
    var timeout: String?
    @Option(help: ArgumentHelp("Store responses in this Redis instead of memory.", valueName: "url")) var redis: String?
    @OptionGroup var adminListener: AdminListenOption

    func validate() throws {
        if upstream != nil {
            if source.file != nil {
                throw ValidationError("--upstream and --config are mutually exclusive: name the upstream in the file.")
            }
        } else if !listen.isEmpty || timeout != nil || redis != nil || adminListener.admin != nil {
            throw ValidationError(
                "--listen, --timeout, --redis and --admin require --upstream; otherwise set them in the file.")
        }
    }

    func run() throws {
        #if LARDER_BREAKABLE_RULES
            if let rule = System.environment("LARDER_WITHOUT"), !BreakableRule.breakRule(rule) {
                let rules = BreakableRule.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("LARDER_WITHOUT names none of the rules that this build can break: \(rules)")
            }
        #endif
        let daemon: Daemon
        var hint: String?
        if let upstream {
            var configuration: Configuration
            do throws(ValueFault) {
                configuration = try .quick(upstream: upstream, listen: listen, timeout: timeout, redis: redis)
            } catch {
                throw ValidationError("\(error)")
            }
            try adminListener.apply(to: &configuration)
            daemon = try Daemon(configuration, from: .options)
            if timeout == nil {
                hint =
                    "responses without Cache-Control are not cached; add --timeout 30s (make run: TIMEOUT=30s) to cache them"
            }
        } else {
            let valid: ValidConfiguration
            do throws(ConfigurationFaults) { valid = try readConfiguration(file: source.path) } catch {
                throw CommandFailure(lines: error.lines)
            }
            daemon = try Daemon(valid.configuration, from: .file(source.path))
            daemon.report(valid.warnings)
        }
        try daemon.start()
        if let hint { daemon.note(hint) }
        daemon.run()
    }
}
