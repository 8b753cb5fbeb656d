// `larder key`: which route takes a request, its key text, and where its answer stands in Redis. Three lines that
// scripts can cut at the first space; nothing is asked of a daemon.

import ArgumentParser
import Configuration
import Routing

struct KeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Print the route, the key text and the Redis key of a request.")

    @Argument(help: "GET, HEAD, POST …") var method: String
    @Argument(help: "With the scheme and authority that clients use.") var url: String
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
                by: table,
                prefix: configuration.store.prefix, composer: &composer)
            let route = configuration.routes[explanation.route]
            System.print("route: \(route.host)\(route.path)")
            System.print("key: \(explanation.keyText)")
            System.print("redis: \(explanation.redisKey)")
            if !explanation.isCached {
                System.printError("larder: this route stores no answers to \(method); the key is what it would be")
            }
        } catch {
            throw CommandFailure("\(error)")
        }
    }
}
