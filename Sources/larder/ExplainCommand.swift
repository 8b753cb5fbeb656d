// `larder explain`: asks the running daemon what it would do with a request, and why. Nothing is sent upstream, counted or
// stored.

import Admin
import ArgumentParser
import Configuration
import Routing

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Show what the running daemon would do with a request, and why.",
        discussion: "Use the URL that clients use, with scheme and host. Nothing is sent to the upstream.")

    @Argument(help: "Request method.") var method: String
    @Argument(help: "URL with scheme and host, as clients use it.") var url: String
    @OptionGroup var request: RequestOptions
    @Flag(help: "Print everything as JSON.") var json = false
    @OptionGroup var daemon: AdminOption

    func run() throws {
        do throws(SyntheticRequestFault) {
            _ = try SyntheticRequest(method: method, url: url, fields: request.headers)
        } catch {
            throw ValidationError("\(error)")
        }
        let content = try request.content()
        var target = "/explain?method=\(percentEncoded(method))&url=\(percentEncoded(url))"
        for header in request.headers { target += "&h=\(percentEncoded(header))" }
        let client = try daemon.client()
        let result =
            content.isEmpty ? try client.ask("GET", target) : try client.ask("POST", target, content: content)
        if json { return System.printBytes(result.content) }
        guard let document = result.json else { throw CommandFailure("the daemon's response is not valid JSON") }
        System.print(ExplanationPage(document).text)
    }
}

/// Header fields and content of a request.
struct RequestOptions: ParsableArguments {
    @Option(
        name: [.customShort("H"), .customLong("header")],
        help: ArgumentHelp("Header field of the request; may be repeated.", valueName: "'Name: value'"))
    var headers: [String] = []
    @Option(help: ArgumentHelp("Content of the request: text, or @FILE.", valueName: "@file")) var data: String?

    func content() throws(CommandFailure) -> [UInt8] {
        guard let data else { return [] }
        guard data.hasPrefix("@") else { return Array(data.utf8) }
        do throws(SystemFault) {
            let path = String(data.dropFirst())
            return try path == "-" ? System.readStandardInput(limit: 1 << 30) : System.read(file: path, limit: 1 << 30)
        } catch {
            throw CommandFailure("\(data.dropFirst()) \(error)")
        }
    }
}
