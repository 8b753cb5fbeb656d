import Foundation
import TestSupport
import Testing

// `include` and `defaults` in a daemon: found from the file's folder, read again at a reload, shown as one file.

@Suite("Configuration files that include others", .serialized)
struct IncludedFileTests {
    @Test("The example is right, and its conf.d is found from any folder")
    func example() throws {
        let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let finished = try run([LarderProcess.binary, "check", "--strict", root.path + "/config/examples/include.yaml"])
        #expect(finished.status == 0, "\(finished.errors)")
        #expect(finished.output.hasSuffix("ok: 6 routes, 3 upstreams\n"), "\(finished.output)")
    }

    @Test("Included files are read again at a reload; a fault in one names its place and changes nothing")
    func reload() throws {
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            let folder = try TemporaryFolder.make("include")
            func write(_ name: String, _ text: String) throws {
                try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
            }
            var configuration = LarderConfiguration(
                upstreams: "origin: \(origin.url)", routes: "- path: /main\n  upstream: origin")
            configuration.more = "include: \(folder)/*.yaml\ndefaults: {upstream: origin, cache: 1m}\n"
            let larder = try stage.larder(configuration)
            #expect(try larder.get("/main").status == 200)
            #expect(try larder.get("/one").status == 404)
            try write("1.yaml", "routes:\n  - path: /one\n")
            let reload = { try larder.command(["reload"]) }
            #expect(try reload().status == 0)
            #expect(try larder.get("/one").status == 200)
            #expect(try larder.awaitHit("/one").status == 200)
            // The effective file has neither `include` nor `defaults`.
            let effective = try larder.admin("GET", "/config").text
            #expect(effective.contains("  - path: /one\n    upstream: origin\n"), "\(effective)")
            #expect(
                effective.contains("      timeout: 1m\n") && !effective.contains("include")
                    && !effective.contains("defaults"))
            try write("2.yaml", "\nroutes:\n  - path: /two\n    upstream: nowhere\n")
            let refused = try reload()
            #expect(
                refused.status == 1 && refused.errors.contains("\(folder)/2.yaml:4:15: error: unknown upstream"),
                "\(refused.errors)")
            #expect(try larder.get("/one").status == 200)
            try write("2.yaml", "upstreams: {other: \"\(origin.url)\"}\nroutes: [{path: /two, upstream: other}]\n")
            #expect(try reload().status == 0)
            #expect(try larder.get("/two").status == 200)
            try FileManager.default.removeItem(atPath: "\(folder)/1.yaml")
            #expect(try reload().status == 0)
            #expect(try larder.get("/one").status == 404)
        }
    }

    @Test("What the folder is called is no pattern, and what isn't a file is refused")
    func folders() throws {
        let folder = try TemporaryFolder.make("in*clude[d]")
        let file = "\(folder)/larder.yaml"
        let conf = "\(folder)/conf.d"
        try FileManager.default.createDirectory(atPath: conf, withIntermediateDirectories: true)
        try "upstreams: {a: http://127.0.0.1:1}\ninclude: conf.d/*\n".write(
            toFile: file, atomically: true, encoding: .utf8)
        try "routes: [{path: /, upstream: a}]".write(toFile: "\(conf)/b.yaml", atomically: true, encoding: .utf8)
        let good = try run([LarderProcess.binary, "check", file])
        #expect(good.output == "\(file): ok: 1 route, 1 upstream\n", "\(good.errors)")
        try FileManager.default.createDirectory(atPath: "\(conf)/a", withIntermediateDirectories: true)
        let bad = try run([LarderProcess.binary, "check", file])
        #expect(
            bad.status == 1 && bad.errors == "\(file):2:10: error: the file `\(conf)/a` is not a regular file\n",
            "\(bad.errors)")
    }
}
