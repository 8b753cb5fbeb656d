// The keys of the configuration are declared once, in `KeyDescription`. What people read about them comes from there or
// is held against it here.

import Configuration
import ConfigurationReader
import Foundation
import Testing

@Suite("Documentation: it says what the program does")
struct DocumentationTests {
    /// `make docs` writes the page anew.
    @Test("docs/configuration.md is the list of keys")
    func configurationPage() throws {
        let page = SourceFile.checkout.appending(path: "docs/configuration.md")
        if ProcessInfo.processInfo.environment["LARDER_WRITE_DOCS"] == "1" {
            try KeyDescription.markdown.write(to: page, atomically: true, encoding: .utf8)
        }
        let text = (try? String(contentsOf: page, encoding: .utf8)) ?? ""
        #expect(
            text == KeyDescription.markdown,
            "docs/configuration.md is out of date: `make docs` writes it anew")
    }

    @Test("The table of limits has each limit with its default, and no other")
    func limits() throws {
        let page = try String(contentsOf: SourceFile.checkout.appending(path: "docs/limits.md"), encoding: .utf8)
        let table = try #require(page.components(separatedBy: "\n\n").first { $0.contains("| `head` |") })
        let rows = table.split(separator: "\n").filter { $0.hasPrefix("| `") }.map { row in
            row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
        }
        let inTable = rows.map { cells in "\(cells[0]) \(cells[1].prefix { $0 != " " })" }
        let declared = KeyDescription.all.filter { $0.path.hasPrefix("limits.") }.map { key in
            "`\(key.path.dropFirst("limits.".count))` \(key.defaultText ?? "")"
        }
        #expect(inTable == declared)
    }

    @Test("The README's route file says what the text below it says")
    func routeFile() throws {
        let readme = try String(contentsOf: SourceFile.checkout.appending(path: "README.md"), encoding: .utf8)
        let file = try #require(readme.firstMatch(of: /```yaml\n(.*?)```/.dotMatchesNewlines())).output.1
        let reading = ConfigurationFile.read(bytes: Array(file.utf8), fileName: "README.md") { _ in nil }
        #expect(reading.faults.isEmpty)
        let configuration = try #require(reading.configuration)
        #expect(configuration.store.backend == .redis)
        #expect(configuration.routes.map { $0.cache?.timeout } == [.minutes(5), .minutes(1), nil])
        #expect(configuration.routes.map(\.path.description) == ["/tasks/{id}", "/products/{rest...}", "/{rest...}"])
        #expect(configuration.routes[1].cache?.staleWhileRevalidate == .seconds(30))
    }

    @Test("The way of a request names every module")
    func modules() throws {
        let page = try String(
            contentsOf: SourceFile.checkout.appending(path: "docs/request-path.md"), encoding: .utf8)
        for module in Module.all {
            #expect(
                page.contains("`\(module.name)`") || page.contains("`Sources/\(module.name)`"),
                "docs/request-path.md says nothing of \(module.name)")
        }
    }

    @Test("systemd waits longer for the end than Larder waits for its requests")
    func drain() throws {
        let unit = try String(
            contentsOf: SourceFile.checkout.appending(path: "systemd/larder.service"), encoding: .utf8)
        let stop = try #require(unit.firstMatch(of: /TimeoutStopSec=(\d+)s/).flatMap { Int($0.output.1) })
        let drain = try #require(KeyDescription.named("server.drain")?.defaultText?.dropLast()).description
        #expect(stop > Int(drain) ?? .max)
    }
}
