// `larder purge`: drops what GET and HEAD of URLs are answered with, in every store. The daemon decides what it can do;
// its sentence is printed where it can't.

import ArgumentParser

struct PurgeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "purge", abstract: "Drop the stored answers of URLs, or of tags.",
        discussion: "A URL counts with the scheme and authority that clients use.")

    @Argument(help: "http://host/path …") var urls: [String] = []
    @Option(help: ArgumentHelp("Everything with this tag; may be repeated.", valueName: "tag")) var tag: [String] = []
    @Option(help: ArgumentHelp("Every URL that starts like this; may be repeated.", valueName: "prefix")) var prefix:
        [String] = []
    @Flag(help: "Keep the answers, but as stale ones.") var soft = false
    @OptionGroup var daemon: AdminOption

    func validate() throws {
        if urls.isEmpty && tag.isEmpty && prefix.isEmpty { throw ValidationError("Name a URL, a --tag or a --prefix.") }
    }

    func run() throws {
        func list(_ texts: [String]) -> String { "[\(texts.map(jsonText).joined(separator: ","))]" }
        let document = "{\"urls\":\(list(urls)),\"tags\":\(list(tag)),\"prefixes\":\(list(prefix)),\"soft\":\(soft)}"
        let reply = try daemon.client().ask(
            "POST", "/purge", fields: ["Content-Type: application/json"], content: Array(document.utf8))
        let purged = reply.json?["purged"]?.count ?? 0
        if !urls.isEmpty {
            System.print("purged \(counted(purged, "stored answer")) of \(counted(urls.count, "URL"))")
        }
        if !tag.isEmpty { System.print("purged everything stored with \(counted(tag.count, "tag"))") }
    }
}
