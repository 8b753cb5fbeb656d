// `larder get`, `set` and `delete`: cache entries of the running daemon, by key text.

import ArgumentParser
import Configuration

struct GetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get", abstract: "Print the content stored under a key.")

    @Argument(help: "Key text, as printed by `larder key`.") var key: String
    @OptionGroup var record: RecordOption
    @OptionGroup var daemon: AdminOption

    func run() throws {
        System.printBytes(
            try daemon.client().ask("GET", "/cache?key=\(percentEncoded(key))\(record.parameter)").content)
    }
}

struct SetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Store standard input under a key.")

    @Argument(help: "Key text, as printed by `larder key`.") var key: String
    @OptionGroup var record: RecordOption
    @Option(help: ArgumentHelp("Lifetime.", valueName: "duration")) var timeout = "10m"
    @Option(help: ArgumentHelp("Content-Type.", valueName: "type")) var type = "application/json"
    @OptionGroup var daemon: AdminOption

    private static let contentLimit = 1 << 30

    func run() throws {
        let lifetime: Milliseconds
        do throws(ValueFault) { lifetime = try Milliseconds(parsing: timeout) } catch {
            throw ValidationError("--timeout: \(error)")
        }
        guard lifetime >= .seconds(1) else { throw ValidationError("--timeout: the minimum is 1s") }
        guard type.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else {
            throw ValidationError("--type: invalid media type")
        }
        let client = try daemon.client()
        let content: [UInt8]
        do throws(SystemFault) { content = try System.readStandardInput(limit: Self.contentLimit) } catch {
            throw CommandFailure("standard input \(error)")
        }
        let fields = ["Content-Type: \(type)", "Cache-Control: max-age=\(lifetime.rawValue / 1000)"]
        _ = try client.ask(
            "PUT", "/cache?key=\(percentEncoded(key))\(record.parameter)", fields: fields, content: content)
        System.print("stored \(counted(content.count, "byte")) for \(lifetime)")
    }
}

/// How an entry is stored.
struct RecordOption: ParsableArguments {
    enum Form: String, ExpressibleByArgument, CaseIterable { case json, whole }

    @Option(
        help: ArgumentHelp(
            "How the entry is stored: as cache.record of its route says. By default, as all routes that cache say.",
            valueName: "json|whole"))
    var record: Form?

    /// For the admin listener.
    var parameter: String { record.map { "&record=\($0.rawValue)" } ?? "" }
}

struct DeleteCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Delete entries by key.")

    @Argument(help: "Key texts, as printed by `larder key`.") var keys: [String]
    @OptionGroup var daemon: AdminOption

    func run() throws {
        let client = try daemon.client()
        var deleted = 0
        for key in keys {
            deleted += try client.ask("DELETE", "/cache?key=\(percentEncoded(key))").json?["deleted"]?.count ?? 0
        }
        System.print("deleted \(counted(deleted, "entry", "entries"))")
    }
}
