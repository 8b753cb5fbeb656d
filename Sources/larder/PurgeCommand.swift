// `larder purge`: purges the stored responses of URLs (GET and HEAD), tags, prefixes, hosts, or all. The daemon decides what it
// supports; its message is printed if it rejects the purge.

import ArgumentParser
import Configuration

struct PurgeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "purge", abstract: "Purge the stored responses of URLs, tags, prefixes or hosts, or all.",
        discussion: "Use the URLs that clients use, with scheme and host.")

    @Argument(help: "URLs to purge, such as http://host/path.") var urls: [String] = []
    @Option(help: ArgumentHelp("Purge everything with this tag; may be repeated.", valueName: "tag")) var tag:
        [String] = []
    @Option(
        help: ArgumentHelp(
            "Purge every URL with this prefix; may be repeated. A prefix that starts with / means every host.",
            valueName: "prefix")) var prefix: [String] = []
    @Option(help: ArgumentHelp("Purge every URL of this host; may be repeated.", valueName: "host")) var host:
        [String] = []
    @Flag(help: "Purge everything.") var all = false
    @Flag(help: "Mark as stale instead of removing.") var soft = false
    @OptionGroup var daemon: AdminOption

    func validate() throws {
        if urls.isEmpty && tag.isEmpty && prefix.isEmpty && host.isEmpty && !all {
            throw ValidationError("Name a URL, a --tag, a --prefix or a --host, or say --all.")
        }
    }

    func run() throws {
        func list(_ texts: [String]) -> String { "[\(texts.map(jsonText).joined(separator: ","))]" }
        let members = [
            "\"urls\":\(list(urls))", "\"tags\":\(list(tag))", "\"prefixes\":\(list(prefix))",
            "\"hosts\":\(list(host))", "\"all\":\(all)", "\"soft\":\(soft)",
        ]
        let result = try daemon.client().ask(
            "POST", "/purge", fields: ["Content-Type: application/json"],
            content: Array("{\(members.joined(separator: ","))}".utf8))
        for text in urls + prefix + tag + host where text.contains("*") {
            System.printError(
                "warning: the * in \(text) was taken literally; --prefix purges all that begins with a text")
        }
        let instances = result.json?["instances"]?.count.map { ", applied by \(counted($0, "instance"))" } ?? ""
        if !urls.isEmpty && !soft {
            let purged = result.json?["purged"]?.count ?? 0
            System.print("purged \(counted(purged, "stored response")) of \(counted(urls.count, "URL"))\(instances)")
        }
        for sentence in sentences { System.print("\(sentence)\(instances)") }
    }

    /// What was done without counting what is stored.
    private var sentences: [String] {
        let (done, what) = soft ? ("marked as stale", "everything stored") : ("purged", "everything stored")
        var sentences: [String] = []
        if soft, !urls.isEmpty { sentences.append("\(done) what is stored of \(counted(urls.count, "URL"))") }
        if !tag.isEmpty { sentences.append("\(done) \(what) with \(counted(tag.count, "tag"))") }
        if !prefix.isEmpty {
            sentences.append("\(done) \(what) under \(counted(prefix.count, "prefix", "prefixes"))")
        }
        if !host.isEmpty { sentences.append("\(done) \(what) of \(counted(host.count, "host"))") }
        if all { sentences.append("\(done) \(what)") }
        return sentences
    }
}
