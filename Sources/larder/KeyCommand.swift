// `larder key`: the route of a request, its key text and its Redis key. Prints three lines that scripts can split at the first
// space, a fourth where the upstream is asked for another path, or none is asked, and one with the tags that the route gives, if it
// gives any. No daemon is needed.

import ArgumentParser
import Configuration
import Routing

struct KeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Print the route, the key text and the Redis key of a request.")

    @Argument(help: "Request method.") var method: String
    @Argument(help: "URL with scheme and host, as clients use it.") var url: String
    @OptionGroup var request: RequestOptions
    @OptionGroup var source: ConfigurationOption

    func run() throws {
        let configuration = try source.read()
        let table = try RouteTable(configuration.routes)
        var composer = KeyComposer()
        let content = try request.content()
        do throws(SyntheticRequestFault) {
            let explanation = try KeyExplanation(
                method: method, url: url, fields: request.headers, body: content, routes: configuration.routes,
                basePaths: configuration.basePaths, by: table,
                prefix: configuration.store.prefix, composer: &composer)
            let route = configuration.routes[explanation.route]
            System.print("route: \(route.match.text)")
            System.print("key: \(explanation.keyText)")
            System.print("redis: \(explanation.redisKey)")
            if let line = explanation.special { System.print(line) }
            if !explanation.tags.isEmpty { System.print("tags: \(explanation.tags.joined(separator: ", "))") }
            if route.upstream != nil, !explanation.isCached {
                System.printError("larder: this route does not cache \(method); the key is the one that it would have")
            } else if let condition = explanation.bypass {
                System.printError(
                    "larder: this request goes past the cache (`bypass`: \(condition)); the key is the one that it would have"
                )
            }
        } catch {
            throw CommandFailure("\(error)")
        }
    }
}
