import Foundation
import TestRandomness
import TestSupport
import Testing

// Ranges and whole requests of one key at once, while its content changes: whatever is stored, combined, completed and
// waited for meanwhile, no answer is made of two versions.

@Suite("RFC 9111 §3.4: ranges under load while the content changes")
struct RangeStormTests {
    let scene: StandardsScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try StandardsScene.shared.get() }

    @Test(
        "Every answer is of one version", .tags(.must), arguments: Backend.both,
        ["max-age=60", "max-age=0", "no-cache"])
    func storm(_ backend: Backend, _ control: String) throws {
        let larder = scene[backend]
        let content = VersionedContent(control: control)
        let path = origin.script { exchange in
            if exchange.request.method == "POST" { content.change() }
            try content.answer(exchange)
        }
        let faults = Locked<[String]>([])
        let asked = Locked(0)
        let group = DispatchGroup()
        for seed in 0..<4 {
            let thread = Thread {
                defer { group.leave() }
                do {
                    var numbers = SeededGenerator(seed: UInt64(seed * 7 + 1))
                    let client = try larder.client()
                    for _ in 0..<60 {
                        let first = Int.random(in: 0..<900, using: &numbers)
                        let last = Int.random(in: first..<1_000, using: &numbers)
                        let isRange = Int.random(in: 0..<5, using: &numbers) > 0
                        let response = try client.request("GET", path, isRange ? ["Range: bytes=\(first)-\(last)"] : [])
                        asked.withLock { $0 += 1 }
                        do {
                            _ = try response.version()
                            if response.status == 206, try response.parts().map(\.range) != [first..<last + 1] {
                                throw HarnessError("not the range that was asked for, \(first)-\(last)")
                            }
                        } catch {
                            faults.withLock { $0.append("\(error): \(response["Cache-Status"] ?? "")") }
                        }
                    }
                } catch {
                    faults.withLock { $0.append("\(error)") }
                }
            }
            group.enter()
            thread.start()
        }
        for count in [60, 140] {
            #expect(eventually(within: 10) { asked.withLock { $0 } >= count || !faults.withLock { $0 }.isEmpty })
            #expect(try larder.request("POST", path, body: [120]).status == 200)
        }
        #expect(group.wait(timeout: .now() + 20) == .success)
        #expect(faults.withLock { $0 }.isEmpty, "\(faults.withLock { $0 })")
        // Once nothing changes any more, the last version is what is answered.
        #expect(try eventually { try larder.get(path).version() == 3 })
    }
}
