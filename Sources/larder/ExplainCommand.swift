// `larder explain`: asks the running daemon what it would do with a request, and why. Nothing is sent to an origin, and
// nothing is counted or stored for it.

import Admin
import ArgumentParser
import Configuration
import Routing

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Say what the running daemon would do with a request, and why.",
        discussion: "A URL counts with the scheme and authority that clients use. No request is sent to an origin.")

    @Argument(help: "GET, HEAD, POST …") var method: String
    @Argument(help: "With the scheme and authority that clients use.") var url: String
    @OptionGroup var request: RequestOptions
    @Flag(help: "Everything, as JSON.") var json = false
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
        let reply =
            content.isEmpty ? try client.ask("GET", target) : try client.ask("POST", target, content: content)
        if json { return System.printBytes(reply.content) }
        guard let document = reply.json else { throw CommandFailure("the daemon's explanation could not be read") }
        System.print(ExplanationPage(document).text)
    }
}

/// What a request has beside its method and its URL.
struct RequestOptions: ParsableArguments {
    @Option(
        name: [.customShort("H"), .customLong("header")],
        help: ArgumentHelp("A header field of the request.", valueName: "'Name: value'"))
    var headers: [String] = []
    @Option(help: ArgumentHelp("The request's content: text, or a file's with @.", valueName: "@file")) var data:
        String?

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
