import Foundation
import TestSupport
import Testing

// The commands, as a person or a script runs them: exit codes, outputs, and what they change in the daemon.

@Suite("Commands", .serialized)
struct CommandTests {
    static let shared = Result { try Scene() }
    let scene: Scene
    var larder: LarderProcess { scene.larder }

    init() throws { scene = try Self.shared.get() }

    /// A path that is a HIT.
    private func stored() throws -> String {
        let path = scene.origin.script(200, ["Cache-Control: max-age=600"], body: "stored")
        try larder.awaitHit(path)
        return path
    }

    @Test("larder set, get and delete work on entries by key text")
    func commands() throws {
        let set = try larder.command(
            ["set", "note", "--timeout", "10m", "--type", "text/plain"], standardInput: Array("a note".utf8))
        #expect(set.status == 0, "\(set.errors)")
        let get = try larder.command(["get", "note"])
        #expect(get.status == 0)
        #expect(get.output == "a note")
        #expect(try larder.command(["delete", "note"]).status == 0)
        let absent = try larder.command(["get", "note"])
        #expect(absent.status == 1)
        #expect(absent.output.isEmpty)
        #expect(!absent.errors.isEmpty)
    }

    @Test("larder purge prints what was done, and the next request is a MISS")
    func purgeCommand() throws {
        let path = try stored()
        let finished = try larder.command(["purge", "http://api.example\(path)"])
        #expect(finished.status == 0, "\(finished.errors)")
        #expect(!finished.output.isEmpty)
        #expect(try larder.get(path).xCache == "MISS")
    }

    @Test("larder stats is for people, and with --json for programs")
    func statsCommand() throws {
        let people = try larder.command(["stats"])
        #expect(people.status == 0, "\(people.errors)")
        #expect(people.output.contains("requests"))
        let programs = try larder.command(["stats", "--json"])
        #expect(programs.status == 0)
        #expect(try JSON(parsing: Array(programs.output.utf8))["store"].exists)
    }

    @Test("Commands say so with 1 when no daemon answers, and with 2 when they are used wrongly")
    func exitCodes() throws {
        let folder = try TemporaryFolder.make("commands")
        let file = "\(folder)/larder.yaml"
        let text = LarderConfiguration.caching("http://127.0.0.1:9000")
            .text(listen: "127.0.0.1:\(FreePort.take())", admin: "127.0.0.1:\(FreePort.take())")
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        let binary = LarderProcess.binary
        let nobody = try run([binary, "stats", "--config", file])
        #expect(nobody.status == 1)
        #expect(!nobody.errors.isEmpty)
        for arguments in [["frobnicate"], ["stats", "--no-such-option"], ["get"], ["key", "GET"]] {
            let finished = try run([binary] + arguments)
            #expect(finished.status == 2, "\(arguments)")
            #expect(!finished.errors.isEmpty)
        }
        for arguments in [["--version"], ["--help"], ["serve", "--help"]] {
            #expect(try run([binary] + arguments).status == 0, "\(arguments)")
        }
    }

    @Test("larder check accepts a good file and reports every fault of a bad one with line and column")
    func check() throws {
        let folder = try TemporaryFolder.make("check")
        let file = "\(folder)/larder.yaml"
        let good = LarderConfiguration.caching("http://127.0.0.1:9000").text(listen: "127.0.0.1:8080", admin: "off")
        try good.write(toFile: file, atomically: true, encoding: .utf8)
        #expect(try run([LarderProcess.binary, "check", "--config", file]).status == 0)
        let bad = """
            server:
              lisen: 127.0.0.1:8080
              drain: soon
            upstreams:
              tasks: https://127.0.0.1:9000
            routes:
              - path: /a
                upstream: taks
            """
        try bad.write(toFile: file, atomically: true, encoding: .utf8)
        let finished = try run([LarderProcess.binary, "check", "--config", file])
        #expect(finished.status == 1)
        let output = finished.output + finished.errors
        for place in ["\(file):2:3: error:", "\(file):3:10: error:", "\(file):5:10: error:", "\(file):8:15: error:"] {
            #expect(output.contains(place), "\(place) in:\n\(output)")
        }
        for word in ["listen", "tasks"] { #expect(output.contains(word)) }
    }

    @Test("larder key prints the route, the key text and the Redis key")
    func key() throws {
        let finished = try larder.command(["key", "GET", "http://API.example:80/tasks?b=2&a=1"])
        #expect(finished.status == 0, "\(finished.errors)")
        let text = "GET http://api.example/tasks?a=1&b=2"
        #expect(finished.output.contains(text), "\(finished.output)")
        #expect(finished.output.contains("/{rest...}"))
        let md5 = try run(["sh", "-c", "printf %s \"$1\" | md5sum | cut -c1-32", "sh", text]).output.prefix(32)
        #expect(finished.output.contains("larder:\(md5)"))
    }

    @Test("Commands find the token in the file that the daemon reads")
    func token() throws {
        try Stage.run { stage in
            var configuration = LarderConfiguration.caching(scene.origin.url)
            configuration.admin = "token: s3cret-of-the-admin"
            let larder = try stage.larder(configuration)
            let finished = try larder.command(["stats", "--json"])
            #expect(finished.status == 0, "\(finished.errors)")
            #expect(try JSON(parsing: Array(finished.output.utf8))["totals"].exists)
        }
    }
}
