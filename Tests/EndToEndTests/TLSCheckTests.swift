import Foundation
import TestSupport
import Testing

@Suite("What `check` says that a listener offers is what clients get")
struct TLSCheckTests {
    /// What `check` says of the first listener, by what it is about.
    private func said(_ larder: LarderProcess) throws -> [String: [String]] {
        let finished = try larder.command(["check"])
        #expect(finished.status == 0, "\(finished.errors)")
        var said: [String: [String]] = [:]
        for line in finished.output.split(separator: "\n").dropFirst() {
            let parts = line.components(separatedBy: ": ")
            guard parts.count == 3, parts[0] == "127.0.0.1:\(larder.port)" else { continue }
            said[parts[1]] = parts[2].components(separatedBy: ", ")
        }
        return said
    }

    /// The ciphers that the listener takes, in its order: whatever it has chosen is left out of what it is offered next.
    private func taken(_ scene: TLSScene, _ larder: LarderProcess, _ version: String) throws -> [String] {
        let suites = ["TLS_AES_128_CCM_SHA256", "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"]
        var taken: [String] = []
        while taken.count < 40 {
            let printed =
                if version == "1.3" {
                    try scene.openssl(
                        larder, "-tls1_3", "-ciphersuites",
                        (suites + ["TLS_CHACHA20_POLY1305_SHA256"]).filter { !taken.contains($0) }
                            .joined(separator: ":"))
                } else {
                    try scene.openssl(
                        larder, "-tls1_2", "-cipher", "ALL:COMPLEMENTOFALL" + taken.map { ":!\($0)" }.joined())
                }
            guard let name = printed.firstMatch(of: /Cipher is ([A-Z0-9_-]+)/)?.1 else { break }
            taken.append(String(name))
        }
        return taken
    }

    @Test(
        "Versions, ciphers in the order of preference, groups and protocols",
        arguments: [
            "", ", min: \"1.3\"",
            ", ciphers: [ECDHE-ECDSA-CHACHA20-POLY1305, ECDHE-RSA-AES128-GCM-SHA256, TLS_AES_128_GCM_SHA256]",
            ", ciphers: [ECDHE-ECDSA-AES128-SHA, AES128-GCM-SHA256, ECDHE-ECDSA-AES128-GCM-SHA256]",
        ])
    func offer(more: String) throws {
        let scene = try TLSScene.shared.get()
        try Stage.run { stage in
            let larder = try scene.larder(stage, try stage.quickOrigin(), tls: more)
            let said = try said(larder)
            #expect(said["groups"] == ["X25519", "P-256", "P-384"] && said["ALPN"] == ["h2", "http/1.1"])
            for version in ["1.3", "1.2"] {
                #expect(try taken(scene, larder, version) == said["TLS " + version] ?? [], "\(version)")
            }
            #expect(said["TLS 1.3"]?.isEmpty == false)
        }
    }

    @Test("A listener for HTTP/1.1 alone, one with two kinds of keys, and one without TLS")
    func others() throws {
        let scene = try TLSScene.shared.get()
        let other = try scene.authority.issue("of-rsa", names: ["a.test"], kind: "rsa")
        try Stage.run { stage in
            let larder = try scene.larder(stage, try stage.quickOrigin()) {
                let pairs = [scene.certificate, other].map { "{cert: \($0.chain), key: \($0.key)}" }
                $0.listenerKeys = "http2: off, tls: {certificates: [\(pairs.joined(separator: ", "))]}"
            }
            let said = try said(larder)
            #expect(said["ALPN"] == ["http/1.1"])
            #expect(try taken(scene, larder, "1.2") == said["TLS 1.2"])
            #expect(said["TLS 1.2"]?.contains("ECDHE-RSA-AES128-GCM-SHA256") == true)
            let example = DocumentationPage.checkout.path + "/config/examples/include.yaml"
            let plain = try run([LarderProcess.binary, "check", example])
            #expect(plain.output.split(separator: "\n").count == 1)
        }
    }
}
