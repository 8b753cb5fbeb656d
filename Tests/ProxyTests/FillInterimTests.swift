import CacheStorage
import HTTPCaching
import Testing

@testable import Proxy

// Interim responses of a fill, whose first reader's client may be behind.

@Suite("RFC 9110 §15.2, one fill: interim responses")
struct FillInterimTests {
    private let fields = ["Cache-Control: max-age=60", "Content-Length: 2"]

    private func finish(_ scene: FillScene) {
        scene.source.head("200 OK", fields)
        scene.source.piece("ok")
        scene.source.end()
    }

    /// Others have waited long enough.
    private func holdEnds(_ reader: ScriptedReader) {
        guard case .filling(let fill) = reader.activity else { return }
        fill.interimHoldEnded()
    }

    @Test("While the client takes none, the origin is read no further, and then it goes on")
    func held() throws {
        let scene = try FillScene()
        let reader = ScriptedReader()
        try scene.ask(reader)
        scene.source.interim()
        reader.block()
        #expect(scene.source.isPaused)
        // Nobody else waits: however long it takes.
        holdEnds(reader)
        #expect(scene.source.isPaused)
        reader.unblock()
        #expect(!scene.source.isPaused)
        scene.source.interim()
        finish(scene)
        #expect(scene.leftovers == [] && reader.log == ["interim 103", "interim 103", "began 200"])
        #expect(reader.text == "ok")
    }

    @Test("Others that wait for the response don't wait for that client: it gets no more of them while it is behind")
    func others() throws {
        let scene = try FillScene()
        let (reader, other) = (ScriptedReader(), ScriptedReader(worker: 1))
        try scene.ask(reader)
        try scene.ask(other)
        scene.source.interim()
        reader.block()
        holdEnds(reader)
        #expect(!scene.source.isPaused)
        for _ in 0..<100 { scene.source.interim() }
        finish(scene)
        scene.settle()
        #expect(other.text == "ok" && other.ends == ["whole"])
        reader.unblock()
        #expect(scene.leftovers == [] && reader.log.filter { $0 == "interim 103" }.count == 1)
    }

    @Test("A client that leaves while it is behind holds nothing up")
    func leaves() throws {
        let scene = try FillScene()
        let (reader, other) = (ScriptedReader(), ScriptedReader(worker: 1))
        try scene.ask(reader)
        try scene.ask(other)
        scene.source.interim()
        reader.block()
        #expect(scene.source.isPaused)
        reader.leave()
        #expect(!scene.source.isPaused)
        finish(scene)
        scene.settle()
        #expect(scene.leftovers == [] && other.text == "ok")
    }
}
