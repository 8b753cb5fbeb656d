// `larder get`, `set` and `delete`: one entry of the running daemon's cache, by its key text.

import ArgumentParser
import Configuration

struct GetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get", abstract: "Print the content stored under a key text.")

    @Argument(help: "The key text, as `larder key` prints it.") var key: String
    @OptionGroup var daemon: AdminOption

    func run() throws { System.printBytes(try daemon.client().ask("GET", "/cache?key=\(percentEncoded(key))").content) }
}

struct SetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Store standard input under a key text.")

    @Argument(help: "The key text, as `larder key` prints it.") var key: String
    @Option(help: ArgumentHelp("How long it is fresh.", valueName: "duration")) var timeout = "10m"
    @Option(help: ArgumentHelp("Its Content-Type.", valueName: "type")) var type = "application/json"
    @OptionGroup var daemon: AdminOption

    private static let contentLimit = 1 << 30

    func run() throws {
        let life: Milliseconds
        do throws(ValueFault) { life = try Milliseconds(parsing: timeout) } catch {
            throw ValidationError("--timeout: \(error)")
        }
        guard life >= .seconds(1) else { throw ValidationError("--timeout: a second is the least") }
        guard type.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else {
            throw ValidationError("--type: that is no media type")
        }
        let client = try daemon.client()
        let content: [UInt8]
        do throws(SystemFault) { content = try System.readStandardInput(limit: Self.contentLimit) } catch {
            throw CommandFailure("standard input \(error)")
        }
        let fields = ["Content-Type: \(type)", "Cache-Control: max-age=\(life.rawValue / 1000)"]
        _ = try client.ask("PUT", "/cache?key=\(percentEncoded(key))", fields: fields, content: content)
        System.print("stored \(counted(content.count, "byte")) for \(life)")
    }
}

struct DeleteCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Drop what is stored under key texts.")

    @Argument(help: "Key texts, as `larder key` prints them.") var keys: [String]
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
