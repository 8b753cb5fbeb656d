import Configuration
import Foundation
import Testing

@testable import larder

@Suite("Where the daemon is, by a file that can't be used")
struct AdminSectionTests {
    private func settings(_ text: String) throws -> AdminSettings? {
        let path = FileManager.default.temporaryDirectory.appending(path: "larder-admin-section-\(UUID())").path()
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        return adminSection(ofFile: path)
    }

    private let address = ListenAddress.tcp(host: "127.0.0.1", port: 7001)

    @Test(
        "The section is found beside faults of other sections, and of the file's syntax",
        arguments: [
            "admin:\n  listen: 127.0.0.1:7001\nrouts:\n  - x",
            "routes: [{\n\nadmin:\n\n# here\n  listen: 127.0.0.1:7001\n\nupstreams: }",
            "store: {backend: rdis}\r\nadmin: {listen: '127.0.0.1:7001'}\r\nlog: x\r\n",
        ])
    func found(_ text: String) throws {
        #expect(try settings(text)?.listen == address)
    }

    @Test("Without the section it is the default address; off, and a section with faults, are no address")
    func others() throws {
        #expect(try settings("routes: [")?.listen == AdminSettings().listen)
        #expect(try #require(try settings("admin: {listen: off}\nroutes: [")).listen == nil)
        #expect(try settings("admin: {lisen: 127.0.0.1:7001}\nroutes: [") == nil)
    }
}
