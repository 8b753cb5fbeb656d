import Testing

/// The reader has to be right, or the layering tests pass for want of anything read.
@Suite("Layering: what the reader of sources sees")
struct SourceFileTests {
    @Test(
        "Every form of import gives the module's name",
        arguments: [
            ("import Glibc", "Glibc"),
            ("package import HTTPWire", "HTTPWire"),
            ("@preconcurrency import CLibevent", "CLibevent"),
            ("@_exported public import Routing // why", "Routing"),
            ("import struct Synchronization.Mutex", "Synchronization"),
            ("    import EventLoop", "EventLoop"),
        ])
    func imports(line: String, module: String) {
        #expect(file(line).imports.map(\.module) == [module])
    }

    @Test(
        "What only looks like an import is none",
        arguments: [
            "// import Foundation", "let text = \"import Foundation\"", "/* import Foundation */", "case important",
        ])
    func noImports(line: String) {
        #expect(file(line).imports.isEmpty)
    }

    @Test("Comments and literals are not code")
    func code() {
        let text = [
            "let a = unsafe p // unsafe", "/* unsafe", "unsafe */ let b = \"unsafe \\\" unsafe\" + c", "let d = \"\"\"",
            "  unsafe", "  \"\"\"", "let unsafePointer = 1",
        ]
        let read = SourceFile(module: "M", path: "F.swift", lines: text)
        #expect(read.code.map { $0.hasWord("unsafe") } == [true, false, false, false, false, false, false])
        #expect(read.code[2] == " let b =  + c")
    }

    @Test(
        "A proof is a comment above the declaration or above its attributes",
        arguments: [
            (["// Guarded by the loop's thread.", "final class A: @unchecked Sendable {"], true),
            (["/// Guarded.", "@safe", "final class A: @unchecked Sendable {"], true),
            (["let x = 1 // about x", "final class A: @unchecked Sendable {"], false),
            (["", "final class A: @unchecked Sendable {"], false),
        ])
    func proofs(lines: [String], isProven: Bool) {
        let read = SourceFile(module: "M", path: "F.swift", lines: lines)
        #expect(read.hasComment(before: lines.count - 1) == isProven)
    }

    @Test(
        "A home is a file, or a folder with a slash at its end",
        arguments: [
            ("Scan.swift", true), ("Deep/Scan.swift", false), ("Bytes/Slice.swift", true), ("Other.swift", false),
        ])
    func homes(path: String, isAllowed: Bool) {
        #expect(Module.UnsafeHomes.files(["Scan.swift", "Bytes/"]).allows(path) == isAllowed)
    }

    private func file(_ line: String) -> SourceFile {
        SourceFile(module: "M", path: "F.swift", lines: [line])
    }
}
