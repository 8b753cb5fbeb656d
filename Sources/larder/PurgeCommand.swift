// `larder purge`: removes the stored responses of URLs (GET and HEAD) or tags from every store. The daemon decides what it
// supports; its message is printed if it rejects the purge.

import ArgumentParser

struct PurgeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "purge", abstract: "Purge the stored responses of URLs or tags.",
        discussion: "Use the URLs that clients use, with scheme and host.")

    @Argument(help: "URLs to purge, such as http://host/path.") var urls: [String] = []
    @Option(help: ArgumentHelp("Purge everything with this tag; may be repeated.", valueName: "tag")) var tag:
        [String] = []
    @Option(
        help: ArgumentHelp(
            "Purge every URL with this prefix; may be repeated (not supported yet).", valueName: "prefix")) var prefix:
        [String] = []
    @Flag(help: "Mark as stale instead of removing (not supported yet).") var soft = false
    @OptionGroup var daemon: AdminOption

    func validate() throws {
        if urls.isEmpty && tag.isEmpty && prefix.isEmpty { throw ValidationError("Name a URL, a --tag or a --prefix.") }
    }

    func run() throws {
        func list(_ texts: [String]) -> String { "[\(texts.map(jsonText).joined(separator: ","))]" }
        let document = "{\"urls\":\(list(urls)),\"tags\":\(list(tag)),\"prefixes\":\(list(prefix)),\"soft\":\(soft)}"
        let result = try daemon.client().ask(
            "POST", "/purge", fields: ["Content-Type: application/json"], content: Array(document.utf8))
        let purged = result.json?["purged"]?.count ?? 0
        if !urls.isEmpty {
            System.print("purged \(counted(purged, "stored response")) of \(counted(urls.count, "URL"))")
        }
        if !tag.isEmpty { System.print("purged everything stored with \(counted(tag.count, "tag"))") }
    }
}
