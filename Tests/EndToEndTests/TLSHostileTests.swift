import Foundation
import TestSupport
import Testing

@Suite("TLS with clients that are slow, odd or hostile")
struct TLSHostileTests {
    @Test(
        "Other clients are served as ever, and so is the odd one where it keeps to the protocol",
        arguments: [
            ("bytewise", "2 close_notify\n"), ("together", "20 close_notify\n"), ("halfway", "1 close_notify\n"),
            ("garbage", "done\n"),
        ])
    func odd(mode: String, said: String) throws {
        let scene = try TLSScene.shared.get()
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            let larder = try scene.larder(stage, origin)
            #expect(try scene.client(mode, larder) == said)
            #expect(try scene.curl(larder, scene.url(larder, "/x")).output == "answer to /x")
            #expect(larder.process.isRunning)
            #expect(eventually(within: 10) { (try? larder.figure("totals", "clients")) == 0 })
        }
    }

    @Test(
        "A thousand handshakes that don't come to an end leave a client that works unharmed, and end with the time for a head"
    )
    func slowHandshakes() throws {
        let scene = try TLSScene.shared.get()
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            let larder = try scene.larder(stage, origin) { $0.limits = "head_timeout: 4s" }
            let arguments = [
                "python3", TLSScene.program("tls_client.py"), "slow", "\(larder.port)", scene.authority.certificate,
            ]
            let slow = stage.keep(try ChildProcess(arguments)) { $0.stop(within: 1) }
            #expect(eventually(within: 30) { slow.standardOutput.contains("ready") })
            for number in 0..<20 {
                #expect(try scene.curl(larder, scene.url(larder, "/\(number)")).output == "answer to /\(number)")
            }
            #expect(eventually(within: 30) { (try? larder.figure("totals", "tls", "failed")) == 1_000 })
            #expect(try larder.figure("totals", "clients") == 0)
        }
    }
}
