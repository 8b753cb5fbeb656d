// What docs/ says of metrics, reasons, outcomes and the admin listener is what the program has: `make docs` writes the tables
// anew.

import Foundation
import HTTPCaching
import Proxy
import TestSupport
import Testing

@testable import Admin

@Suite("Documentation: tables of what the program declares")
struct DeclarationDocumentationTests {
    @Test("docs/metrics.md has every metric, and no other")
    func metrics() throws {
        let rows = MetricFamily.all.map { "| `\($0.name)` | \($0.kind.rawValue) | \(Self.cell("\($0.help)")) |" }
        try expect("docs/metrics.md", "metrics", columns: "metric | type | meaning", rows)
    }

    @Test("docs/why-not-cached.md has every reason, and no other")
    func reasons() throws {
        let rows = Reason.allCases.map { "| `\($0.slug)` | \(Self.cell("\($0.sentence)")) |" }
        try expect("docs/why-not-cached.md", "reasons", columns: "reason | meaning", rows)
    }

    @Test("docs/logging.md has every outcome, and no other")
    func outcomes() throws {
        let rows = Outcome.allCases.map {
            "| `\($0.slug)` | \($0.status == 0 ? "" : "\($0.status)") | \(Self.cell("\($0.sentence)")) |"
        }
        try expect("docs/logging.md", "outcomes", columns: "outcome | status | meaning", rows)
    }

    @Test("docs/openapi.yaml and docs/admin-api.md have every path and method of the admin listener, and no other")
    func adminListener() throws {
        let declared = AdminRoute.all.map { route in
            let methods = route.allow.split(separator: ", ").filter { $0 != "HEAD" }.map { $0.lowercased() }
            return "\(route.path) \(methods.sorted().joined(separator: " "))"
        }
        let description = try String(
            contentsOf: DocumentationPage.checkout.appending(path: "docs/openapi.yaml"), encoding: .utf8)
        var described: [(path: String, methods: [String])] = []
        for line in description.split(separator: "\n") {
            if let path = line.wholeMatch(of: #/  (/[a-z]*):/#) {
                described.append((String(path.output.1), []))
            } else if let method = line.wholeMatch(of: #/    (get|put|post|delete):/#), !described.isEmpty {
                described[described.count - 1].methods.append(String(method.output.1))
            }
        }
        #expect(
            Set(described.map { "\($0.path) \($0.methods.sorted().joined(separator: " "))" }) == Set(declared))
        let page = try DocumentationPage("docs/admin-api.md").text
        for route in AdminRoute.all {
            #expect(
                page.firstMatch(of: try Regex("\\| `(?:[A-Z]+`, `)*[A-Z]+ \(route.path)[`?]")) != nil, "\(route.path)")
        }
    }

    private func expect(_ name: String, _ table: String, columns: String, _ rows: [String]) throws {
        let rule = columns.split(separator: "|").map { _ in "---" }.joined(separator: " | ")
        let text = (["| \(columns) |", "| \(rule) |"] + rows).joined(separator: "\n") + "\n"
        if ProcessInfo.processInfo.environment["LARDER_WRITE_DOCS"] == "1" {
            try DocumentationPage(name).write(generated: table, text)
        }
        let page = try DocumentationPage(name)
        #expect(page.generated(table).map(String.init) == text, "\(name) is out of date: `make docs` writes it anew")
    }

    private static func cell(_ text: String) -> String { text.replacingOccurrences(of: "|", with: "\\|") }
}
