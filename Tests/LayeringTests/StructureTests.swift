// Runs the script beside this file, which measures the structure of Sources. By itself it prints the figures, and the
// places behind each that is past its bound.

import Foundation
import Testing

@Suite("Structure: files, types and modules stay small, and circles among them too")
struct StructureTests {
    private func structure(_ sources: URL) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        let script = SourceFile.checkout.appending(path: "Tests/LayeringTests/structure")
        process.arguments = ["python3", script.path(), sources.path()]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }

    /// Sources with these files, by path, read by the script.
    private func structure(of files: [String: String]) throws -> (status: Int32, output: String) {
        let folder = FileManager.default.temporaryDirectory.appending(path: "larder-structure-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        for (path, text) in files {
            let file = folder.appending(path: path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
        return try structure(folder)
    }

    @Test("Sources keep to the bounds, or to what is recorded of them")
    func sources() throws {
        let (status, output) = try structure(SourceFile.checkout.appending(path: "Sources"))
        #expect(status == 0, "\(output)")
    }

    @Test("Seven files that name each other in a ring are a circle that is too large, six are none")
    func circle() throws {
        func ring(_ count: Int) -> [String: String] {
            Dictionary(
                uniqueKeysWithValues: (0..<count).map {
                    ("M/F\($0).swift", "struct T\($0) { let next: T\(($0 + 1) % count)? }\n")
                })
        }
        let seven = try structure(of: ring(7))
        #expect(seven.status == 1)
        #expect(seven.output.contains("circle of files: M has 7, more than the 6"), "\(seven.output)")
        let six = try structure(of: ring(6)).output
        #expect(six.contains("circle of files:") && !six.contains("circle of files: M has"), "\(six)")
    }

    @Test(
        "What doesn't name another file's type is no arrow",
        arguments: [
            "// T1", "/* T1 */", "let a = \"T1\"", "let a = \"\"\"\n  T1\n  \"\"\"", "let a = #\"T1\"#", "let a = isT1",
            "enum Own { struct T1 {} }\nlet a: Own.T1", "private struct T1 {}",
        ])
    func names(text: String) throws {
        // A ring of seven but for this one file.
        var files = ["M/F0.swift": "struct T0 {}\n\(text)\n"]
        for index in 1..<7 { files["M/F\(index).swift"] = "struct T\(index) { let next: T\((index + 1) % 7)? }\n" }
        let output = try structure(of: files).output
        #expect(output.contains("circle of files:") && !output.contains("circle of files: M has"), "\(output)")
    }

    @Test("Extensions in seven files, long files and large modules are told")
    func others() throws {
        var files = ["M/T.swift": "struct T {}\n" + String(repeating: "\n", count: 401)]
        for index in 1..<7 { files["M/T\(index).swift"] = "extension T {\n}\n" }
        let (status, output) = try structure(of: files)
        #expect(status == 1)
        for sentence in [
            "longest file: M/T.swift has 402", "spread of a type: T has 7", "share of a module: M has 100.0",
        ] {
            #expect(output.contains(sentence), "\(output)")
        }
    }
}
