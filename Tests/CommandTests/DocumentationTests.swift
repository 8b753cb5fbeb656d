// What README and docs/ tell people to write and to type: every YAML block passes `larder check`, every `larder` command is one.

import ConfigurationReader
import Foundation
import TestSupport
import Testing

@testable import larder

@Suite("Documentation: what it tells people to write and to type")
struct SnippetDocumentationTests {
    /// What this version doesn't know yet. A block with one of these words is expected to have errors; a word is taken out of
    /// the list once its blocks pass.
    private static let notYet: [String] = []

    @Test("Every YAML block passes larder check")
    func files() throws {
        let folder = try TemporaryFolder.make("documentation")
        for page in try DocumentationPage.all() {
            for block in page.blocks where block.language == "yaml" {
                let file = "\(folder)/larder.yaml"
                try Self.file(from: block).write(toFile: file, atomically: true, encoding: .utf8)
                let isKnown = !Self.notYet.contains { word in block.text.contains(word) }
                do throws(ConfigurationFaults) {
                    _ = try readConfiguration(file: file, credentials: Surroundings.Credentials())
                    #expect(isKnown, "\(block.place) passes: take its words out of notYet")
                } catch {
                    #expect(
                        !isKnown, "\(block.place): \(error.lines.joined(separator: "\n"))\n\(Self.file(from: block))")
                }
            }
        }
    }

    /// A block may be a part of a file: entries of `routes`, or sections without `upstreams` and `routes`. The upstream is `api`.
    private static func file(from block: DocumentationPage.Block) -> String {
        let isRoutes = block.lines.first { !$0.isEmpty && !$0.hasPrefix("#") }?.hasPrefix("- ") ?? false
        var text = isRoutes ? "routes:\n" + block.lines.map { "  \($0)\n" }.joined() : block.text
        if !block.lines.contains("upstreams:") { text += "upstreams:\n  api: http://127.0.0.1:9000\n" }
        if !isRoutes, !block.lines.contains("routes:") { text += "routes:\n  - path: /{rest...}\n    upstream: api\n" }
        return text
    }

    @Test("Every larder command line is understood")
    func commands() throws {
        var count = 0
        for page in try DocumentationPage.all() {
            for (place, words) in page.commands(of: ["larder"]) {
                count += 1
                #expect(throws: Never.self, "\(place): \(words.joined(separator: " "))") {
                    if let word = words.dropFirst().first, let sentence = Larder.unknownCommand(word) {
                        throw CommandFailure(sentence)
                    }
                    _ = try Larder.parseAsRoot(Array(words.dropFirst()))
                }
            }
            for mention in page.text.matches(of: /`larder ([a-z]+)/) {
                #expect(Larder.unknownCommand(String(mention.output.1)) == nil, "\(page): \(mention.output.0)")
            }
        }
        #expect(count > 15)
    }
}
