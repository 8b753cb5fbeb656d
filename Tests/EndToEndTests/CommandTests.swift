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
        for arguments in [
            ["frobnicate"], ["stats", "--no-such-option"], ["get"], ["key", "GET"], ["check", file, "--config", file],
        ] {
            let finished = try run([binary] + arguments)
            #expect(finished.status == 2, "\(arguments)")
            #expect(!finished.errors.isEmpty)
        }
        for arguments in [["--version"], ["--help"], ["serve", "--help"]] {
            #expect(try run([binary] + arguments).status == 0, "\(arguments)")
        }
    }

    @Test("The version has three spellings, and a command with a typo is answered with the one that is near")
    func versionAndTypos() throws {
        let binary = LarderProcess.binary
        let version = try run([binary, "--version"]).output
        #expect(version.hasPrefix("larder "))
        for word in ["version", "-V"] {
            let finished = try run([binary, word])
            #expect(finished.status == 0 && finished.output == version, "\(word)")
        }
        let finished = try run([binary, "chekc", "/etc/larder/larder.yaml"])
        #expect(finished.status == 2)
        #expect(finished.errors == "larder: unknown command `chekc`; did you mean `check`?\n")
    }

    @Test("larder check FILE prints warnings and succeeds; with --strict they are errors")
    func checkWarnings() throws {
        let folder = try TemporaryFolder.make("check")
        let file = "\(folder)/larder.yaml"
        let text = """
            log: {to: \(folder)/none/access.log}
            upstreams: {api: http://127.0.0.1:9000, spare: http://127.0.0.1:9001}
            routes: [{path: /*, upstream: api}]
            """
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        let finished = try run([LarderProcess.binary, "check", file])
        #expect(finished.status == 0)
        #expect(finished.output == "\(file): ok: 1 route, 2 upstreams, 3 warnings\n")
        let places = ["1:11", "2:41", "3:17"]
        #expect(
            finished.errors.split(separator: "\n").map { $0.prefix { $0 != " " } } == places.map { "\(file):\($0):" })
        let strict = try run([LarderProcess.binary, "check", "--strict", file])
        #expect(strict.status == 1 && strict.output.isEmpty)
        #expect(strict.errors == finished.errors.replacingOccurrences(of: ": warning: ", with: ": error: "))
        // Warnings stand beside errors, in the order of the file.
        try text.replacingOccurrences(of: "api}]", with: "ipa}]").write(toFile: file, atomically: true, encoding: .utf8)
        let faulty = try run([LarderProcess.binary, "check", file])
        #expect(faulty.status == 1 && faulty.output.isEmpty)
        #expect(
            faulty.errors.split(separator: "\n").map { $0.split(separator: " ")[1] } == [
                "warning:", "warning:", "error:",
            ])
    }

    @Test("The daemon logs the warnings of its file at the start, and again only when they change")
    func warningsInTheLog() throws {
        try Stage.run { stage in
            var configuration = LarderConfiguration(
                upstreams: "origin: \(scene.origin.url)", routes: "- path: /tasks/*\n  upstream: origin")
            let larder = try stage.larder(configuration)
            func warnings() -> Int {
                larder.process.standardError.components(separatedBy: "is an ordinary character").count - 1
            }
            func reload() throws {
                let before = larder.process.standardError.components(separatedBy: "configuration reloaded").count
                larder.signal(SIGHUP)
                #expect(
                    eventually(within: 20) {
                        larder.process.standardError.components(separatedBy: "configuration reloaded").count > before
                    })
            }
            #expect(eventually(within: 20) { warnings() == 1 })
            try reload()
            #expect(warnings() == 1)
            configuration.routes += "\n- path: /lists/*\n  upstream: origin"
            try larder.write(configuration)
            try reload()
            #expect(eventually(within: 20) { warnings() == 3 })
        }
    }

    @Test("serve --upstream without a lifetime says what is not cached, and how it would be")
    func serveWithoutLifetime() throws {
        let sentence = "responses without Cache-Control are not cached; add --timeout 30s"
        for lifetime in [[], ["--timeout", "30s"]] {
            let folder = try TemporaryFolder.make("serve")
            let process = try ChildProcess(
                [
                    LarderProcess.binary, "serve", "--upstream", scene.origin.url, "--listen",
                    "127.0.0.1:\(FreePort.take())",
                ]
                    + lifetime, in: folder)
            defer { process.stop(within: 8) }
            #expect(eventually(within: 20) { process.standardError.contains("listening on") })
            if lifetime.isEmpty {
                #expect(eventually(within: 20) { process.standardError.contains(sentence) })
            } else {
                process.stop(within: 8)
                #expect(!process.standardError.contains("not cached"))
            }
        }
    }

    @Test("larder check doesn't wait for a FIFO that nobody writes to; what a shell's <(…) gives is read")
    func checkFIFO() throws {
        let folder = try TemporaryFolder.make("check")
        let path = "\(folder)/larder.yaml"
        #expect(mkfifo(path, 0o600) == 0)
        let finished = try run([LarderProcess.binary, "check", path])
        #expect(finished.status == 1)
        #expect(finished.errors.contains("cannot be read: it is a FIFO, not a file"))
        let piped = try run([
            "bash", "-c",
            "\"$0\" check <(printf 'upstreams: {o: \"http://127.0.0.1:1\"}\\nroutes: [{path: /a, upstream: o}]\\n')",
            LarderProcess.binary,
        ])
        #expect(piped.status == 0, "\(piped.errors)")
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
              tasks: ftp://127.0.0.1:9000
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
