// The curl commands of the quick start and of the admin API, in their order, against the demo that the quick start begins with.

import Foundation
import TestSupport
import Testing

@Suite("Documentation: its curl commands, against larder demo")
struct DocumentedRequestTests {
    @Test(
        "They succeed, and the response is what the comment behind them says",
        arguments: ["README.md", "docs/admin-api.md"])
    func requests(name: String) throws {
        let page = try DocumentationPage(name)
        try Stage.run { stage in
            let (port, admin) = (FreePort.take(), FreePort.take())
            let demo = stage.keep(
                try ChildProcess([
                    LarderProcess.binary, "demo", "--listen", "127.0.0.1:\(port)", "--admin", "127.0.0.1:\(admin)",
                ])
            ) { $0.stop() }
            #expect(
                eventually(within: 30) { demo.standardOutput.contains("curl") || !demo.isRunning }, "\(demo.lastWords)")
            var count = 0
            for block in page.blocks where block.language.isEmpty {
                // A token, and another machine's address, are the reader's own.
                for line in block.lines where line.hasPrefix("curl ") && !line.contains("10.0.0.5") {
                    count += 1
                    let command = line.replacing("127.0.0.1:8080", with: "127.0.0.1:\(port)")
                        .replacing("127.0.0.1:8081", with: "127.0.0.1:\(admin)")
                    let shell = "curl() { command curl -sS --fail --max-time 30 \"$@\"; }; \(command)"
                    let finished = try run(["bash", "-c", shell], within: 60)
                    #expect(finished.status == 0, "\(block.place): \(command): \(finished.errors)")
                    guard line.hasPrefix("curl -i "), let comment = line.range(of: " # ", options: .backwards) else {
                        continue
                    }
                    let expected = line[comment.upperBound...]
                    #expect(finished.output.contains(expected), "\(block.place): \(command):\n\(finished.output)")
                }
            }
            #expect(count >= 5)
        }
    }
}
