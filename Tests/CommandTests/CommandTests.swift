import Admin
import Configuration
import Testing

@testable import larder

@Suite("Sockets that are handed over (sd_listen_fds(3))")
struct AnnouncementTests {
    typealias Announcement = InheritedSockets.Announcement

    @Test("Sockets are taken where LISTEN_PID is this process, each with its name")
    func announced() {
        let announcement = Announcement(count: "3", process: "42", names: "http:admin", identifier: 42)
        #expect(announcement?.names == ["http", "admin", ""])
    }

    @Test(
        "Nothing is taken that isn't announced to this process",
        arguments: [(nil, "42"), ("1", nil), ("1", "41"), ("0", "42"), ("-1", "42"), ("x", "42"), ("99999999", "42")]
            as [(String?, String?)])
    func notAnnounced(_ count: String?, _ process: String?) {
        #expect(Announcement(count: count, process: process, names: "http", identifier: 42) == nil)
    }

    @Test("More names than sockets do no harm")
    func tooManyNames() {
        #expect(Announcement(count: "1", process: "7", names: "a:b:c", identifier: 7)?.names == ["a"])
    }
}

@Suite("The service manager's watchdog (sd_watchdog_enabled(3))")
struct WatchdogTests {
    @Test(
        "It is told twice in its time, and only if it asks this process",
        arguments: [
            ("30000000", nil, 15_000), ("30000000", "42", 15_000), ("1", "42", 1), ("30000000", "41", nil),
            ("0", nil, nil), ("x", nil, nil), (nil, nil, nil),
        ] as [(String?, String?, Int64?)])
    func interval(_ microseconds: String?, _ process: String?, _ interval: Int64?) {
        #expect(
            ServiceManager.watchdogInterval(microseconds: microseconds, process: process, identifier: 42) == interval)
    }
}

@Suite("Commands that there are not")
struct UnknownCommandTests {
    @Test("Commands and options pass", arguments: ["serve", "check", "version", "help", "--version", "-V", "--help"])
    func known(_ word: String) { #expect(Larder.unknownCommand(word) == nil) }

    @Test(
        "A word that is near to a command, or is another server's for it, is answered with the command",
        arguments: [
            ("chek", "check"), ("sevre", "serve"), ("stat", "stats"), ("start", "serve"), ("configtest", "check"),
        ])
    func near(_ word: String, _ command: String) {
        #expect(Larder.unknownCommand(word) == "unknown command `\(word)`; did you mean `\(command)`?")
    }

    @Test("Any other word is answered with the list")
    func far() {
        #expect(
            Larder.unknownCommand("frobnicate")?.hasPrefix("unknown command `frobnicate`; known commands: serve, ")
                == true)
    }
}

@Suite("What commands write")
struct WritingTests {
    @Test("A key text goes into a query percent-encoded but for unreserved characters (RFC 3986 §2.3)")
    func encoding() {
        #expect(percentEncoded("GET http://a/b?c=d&e=ü%") == "GET%20http%3A%2F%2Fa%2Fb%3Fc%3Dd%26e%3D%C3%BC%25")
        #expect(percentEncoded("az-._~09") == "az-._~09")
    }

    @Test(
        "A JSON string can be read back as what it was (RFC 8259 §7)",
        arguments: ["", "plain", "\"quoted\\\"", "line\nbreak\u{1}", "ü€😀"])
    func json(_ text: String) throws {
        #expect(try JSONValue(Array(jsonText(text).utf8)) == .string(text))
    }

    @Test(
        "Numbers are grouped by three", arguments: [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")])
    func grouping(_ number: Int, _ text: String) {
        #expect(StatsPage.grouped(number) == text)
    }

    @Test(
        "Sizes have the unit that keeps them short",
        arguments: [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (268_435_456, "256 MiB"), (1 << 50, "1024 TiB")])
    func sizes(_ bytes: Int, _ text: String) {
        #expect(StatsPage.size(bytes) == text)
    }

    @Test(
        "A duration is its two largest units",
        arguments: [(0, "0s"), (59, "59s"), (61, "1m 1s"), (3600, "1h 0m"), (90_061, "1d 1h")])
    func durations(_ seconds: Int, _ text: String) {
        #expect(StatsPage.duration(seconds) == text)
    }

    @Test("Columns are as wide as their widest cell, and the last one ends without spaces")
    func columns() {
        #expect(StatsPage.columns([["a", "b"], ["long", "c"]]) == "a     b\nlong  c")
    }

    @Test("Figures that are missing leave zeros, not a trap")
    func emptyFigures() throws {
        #expect(StatsPage(try JSONValue(Array("{}".utf8))).text.contains("requests  0"))
    }
}

@Suite("The sample API")
struct SampleTasksTests {
    private func get(_ tasks: inout SampleTasks, _ path: String, ifNoneMatch: String? = nil) -> SampleResponse {
        tasks.respond(method: "GET", path: path, ifNoneMatch: ifNoneMatch, content: "")
    }

    private func entityTag(_ response: SampleResponse) -> String? {
        response.fields.first { $0.hasPrefix("ETag: ") }.map { String($0.dropFirst("ETag: ".count)) }
    }

    @Test("A list says how long it is fresh, and 304 to whoever has it")
    func validation() throws {
        var tasks = SampleTasks()
        let list = get(&tasks, "/tasks")
        #expect(list.status == 200 && list.fields.contains("Cache-Control: max-age=60"))
        let tag = try #require(entityTag(list))
        #expect(get(&tasks, "/tasks", ifNoneMatch: tag).status == 304)
        #expect(get(&tasks, "/tasks", ifNoneMatch: "\"other\"").status == 200)
    }

    @Test("A POST adds a task with its own address and makes the list another one")
    func adding() throws {
        var tasks = SampleTasks()
        let before = try #require(entityTag(get(&tasks, "/tasks")))
        let added = tasks.respond(method: "POST", path: "/tasks", ifNoneMatch: nil, content: "Water \"the\" plants")
        #expect(added.status == 201 && added.fields == ["Location: /tasks/4"])
        #expect(get(&tasks, "/tasks/4").body == #"{"id":4,"title":"Water \"the\" plants"}"#)
        #expect(get(&tasks, "/tasks", ifNoneMatch: before).status == 200)
    }

    @Test(
        "What it doesn't have or take is refused",
        arguments: [
            ("GET", "/tasks/0", 404), ("GET", "/tasks/x", 404), ("GET", "/tasks/1/2", 404), ("GET", "/other", 404),
            ("DELETE", "/tasks/1", 405), ("POST", "/slow", 405), ("POST", "/tasks", 400),
        ])
    func refusals(_ method: String, _ path: String, _ status: Int) {
        var tasks = SampleTasks()
        #expect(tasks.respond(method: method, path: path, ifNoneMatch: nil, content: "").status == status)
    }
}
