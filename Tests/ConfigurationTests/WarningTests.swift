import ConfigurationReader
import Testing

@testable import Configuration

@Suite("What is allowed but probably a mistake is a warning")
struct WarningTests {
    @Test("a file with warnings is used")
    func used() throws {
        let reading = read("upstreams: {a: \"http://h\", b: \"http://h\"}\nroutes: [{path: /*, upstream: a}]")
        #expect(reading.faults == [])
        #expect(reading.warnings.count == 2)
        #expect(try #require(reading.configuration).routes.count == 1)
    }

    @Test("a warning says so, and may be taken for an error")
    func severity() throws {
        let warning = try #require(
            read("upstreams: {a: \"http://h\"}\nroutes: [{path: /*, upstream: a}]").warnings.first)
        #expect(warning.description.hasPrefix("f:2:17: warning: * is an ordinary character"))
        #expect(warning.description(as: .error).hasPrefix("f:2:17: error: * is an ordinary character"))
        #expect(warning.sentence.hasPrefix("f:2:17: * is an ordinary character"))
    }

    @Test("what the file refers to is asked about, and only a token that can't be read is an error")
    func references() {
        var asked: [Surroundings.Reference] = []
        let text = """
            server: {user: nobody-here, group: none}
            admin: {token_file: /run/token}
            log: {to: /var/log/l}
            """ + rest
        func complaint(_ reference: Surroundings.Reference) -> String? {
            asked.append(reference)
            return "missing"
        }
        let surroundings = Surroundings(environment: { _ in nil }, complaint: complaint)
        let reading = ConfigurationFile.read(bytes: Array(text.utf8), fileName: "f", in: surroundings)
        #expect(
            asked == [
                .user("nobody-here"), .group("none"), .tokenFile(path: "/run/token"), .logFile(path: "/var/log/l"),
            ])
        #expect(reading.faults.map(\.description) == ["f:2:21: error: missing"])
        #expect(
            reading.warnings.map(\.description) == [
                "f:1:16: warning: missing", "f:1:36: warning: missing", "f:3:11: warning: missing",
            ])
    }

    @Test("a faulty route may have been the one that an upstream is for")
    func unusedBesideFaults() {
        #expect(
            warnings("upstreams: {a: \"http://h\"}\nroutes: [{path: x, upstream: a}, {path: /, upstream: b}]") == [])
    }

    @Test(
        "a host takes a path away from routes of more hosts",
        arguments: [
            ("*.example.com", "a.example.com", "/{rest...}", "/x", true),
            ("*.example.com", "*.a.example.com", "/{any}", "/x", true),
            ("*.example.com", "a.example.org", "/{rest...}", "/x", false),
            ("a.example.com", "a.example.com", "/{rest...}", "/x", false),
            ("*.example.com", "a.example.com", "/x/{rest...}", "/y", false),
            ("*.example.com", "a.example.com", "/x/{rest...}", "/x", true),
            ("*.example.com", "a.example.com", "/x/{rest...}", "/x/", true),
            ("*.example.com", "a.example.com", "/{a}/{b}", "/x/{rest...}", false),
            ("*.example.com", "a.example.com", "/{a}/{b}", "/{c}/y", true),
            ("*.example.com", "a.example.com", "/{a}/{b}", "/{c}/{d}", false),
        ])
    func hidden(_ hosts: String, _ host: String, _ general: String, _ path: String, _ isHidden: Bool) {
        let text = """
            upstreams: {a: "http://h"}
            routes:
              - {path: "\(path)", host: "\(hosts)", upstream: a}
              - {path: "\(general)", host: "\(host)", upstream: a}
            """
        #expect(warnings(text).count == (isHidden ? 1 : 0))
        #expect(
            warnings(text).allSatisfy {
                $0.hasPrefix("3:12: warning: requests for the host `\(host)` go to the route on line 4")
            })
    }

    @Test("warnings are reported up to a bound")
    func bound() {
        let upstreams = (0..<3_000).map { "  u\($0): http://h" }.joined(separator: "\n")
        #expect(warnings("upstreams:\n\(upstreams)\nroutes: [{path: /, upstream: u0}]").count == 1_000)
    }
}
