import Foundation
import TestSupport
import Testing

/// An origin over TLS in a process of its own.
private final class SecureOrigin: Sendable {
    let port = FreePort.take()
    let process: ChildProcess

    init(_ certificate: CertificatePaths, clientCA: String? = nil) throws {
        process = try ChildProcess(
            ["python3", TLSScene.program("tls_origin.py"), "\(port)", certificate.chain, certificate.key]
                + (clientCA.map { [$0] } ?? []))
        let (port, process) = (port, process)
        guard eventually(within: 15, { (try? Socket(connectingTo: .port(port), timeout: 1)) != nil }), process.isRunning
        else { throw HarnessError("the origin did not come up\n\(process.lastWords)") }
    }
}

@Suite("TLS to upstreams")
struct TLSUpstreamTests {
    private func play(
        _ host: String = "127.0.0.1", tls: String? = nil, more: String = "", certificate: CertificatePaths? = nil,
        clientCA: String? = nil, _ body: (LarderProcess) throws -> Void
    ) throws {
        let scene = try TLSScene.shared.get()
        try Stage.run { stage in
            let origin = stage.keep(try SecureOrigin(certificate ?? scene.certificate, clientCA: clientCA)) {
                $0.process.stop(within: 1)
            }
            let tls = tls ?? "{ca: \(scene.authority.certificate)}"
            let configuration = LarderConfiguration(
                upstreams: "origin:\n  servers: https://\(host):\(origin.port)\n  tls: \(tls)\(more)",
                routes: "- path: /{rest...}\n  upstream: origin", server: "workers: 1")
            try body(try stage.larder(configuration))
        }
    }

    @Test("Requests go over TLS, on kept connections, and a new connection resumes the session")
    func serves() throws {
        for version in ["TLSv1.3"] {
            try play(more: "\n  keepalive_timeout: 300ms") { (larder) throws in
                for _ in 0..<10 { #expect(try larder.get("/x")["X-Version"] == version) }
                #expect(try larder.figure("totals", "origin_connections", "connects") == 1)
                #expect(try larder.get("/x")["X-Resumed"] == "False")
                #expect(eventually(within: 10) { (try? larder.figure("totals", "origin_connections", "open")) == 0 })
                #expect(try larder.get("/x")["X-Resumed"] == "True")
            }
        }
    }

    @Test("Large bodies go both ways unchanged")
    func bodies() throws {
        try play { (larder) throws in
            let bytes = patternedBody(3_000_000)
            let expected = try run(["sha256sum"], standardInput: bytes).output.prefix(64)
            #expect(try larder.request("POST", "/x", body: bytes).text == expected)
            let large = try larder.get("/8000000").body
            let unit = (0..<1_000).map { UInt8($0 * 31 % 251) }
            #expect(large.count == 8_000_000)
            #expect(
                stride(from: 0, to: large.count, by: 1_000).allSatisfy { large[$0..<($0 + 1_000)].elementsEqual(unit) })
        }
    }

    @Test(
        "A certificate of an unknown authority, for another name, or expired is a 502 with its reason, and a line in the log"
    )
    func untrusted() throws {
        let scene = try TLSScene.shared.get()
        let other = try scene.authority.issue("elsewhere", names: ["b.test"])
        let expired = try scene.authority.issue("old", names: ["127.0.0.1"], days: -9 ..< -1)
        let cases: [(tls: String?, certificate: CertificatePaths, reason: String)] = [
            ("{verify: on}", scene.certificate, "unable to get local issuer certificate"),
            (nil, other, "IP address mismatch"), (nil, expired, "certificate has expired"),
            ("{ca: \(scene.authority.certificate), server_name: c.test}", scene.certificate, "hostname mismatch"),
        ]
        for (tls, certificate, reason) in cases {
            try play(tls: tls, certificate: certificate) { (larder) throws in
                let response = try larder.get("/x")
                #expect(response.status == 502 && response.text.contains("tls-not-trusted"))
                #expect(response["Cache-Status"]?.contains("detail=tls-not-trusted") == true)
                #expect(response["Proxy-Status"]?.contains("error=tls_certificate_error") == true)
                #expect(
                    eventually { larder.process.standardError.contains("could not be verified: \(reason)") })
            }
        }
    }

    @Test("`verify: off` and `server_name` change what is believed")
    func settings() throws {
        let scene = try TLSScene.shared.get()
        let other = try scene.authority.issue("named", names: ["b.test"])
        try play(tls: "{verify: off}", certificate: other) { (larder) throws in
            #expect(try larder.get("/x").status == 200)
        }
        try play(tls: "{ca: \(scene.authority.certificate), server_name: b.test}", certificate: other) {
            (larder) throws in
            #expect(try larder.get("/x").status == 200)
        }
    }

    @Test("A server that asks for a certificate is shown the one that `tls` names; without one it refuses")
    func clientCertificate() throws {
        let scene = try TLSScene.shared.get()
        let own = try scene.authority.issue("larder", names: ["larder"])
        let ca = scene.authority.certificate
        try play(tls: "{ca: \(ca), cert: \(own.chain), key: \(own.key)}", clientCA: ca) { (larder) throws in
            let response = try larder.get("/x")
            #expect(response.status == 200 && response["X-Client"]?.contains("larder") == true)
        }
        try play(clientCA: ca) { (larder) throws in #expect(try larder.get("/x").status == 502) }
    }

    @Test("RFC 8446 §6.1: a body that ends with the connection is whole with close_notify, and cut short without")
    func truncation() throws {
        try play { (larder) throws in
            let whole = try larder.get("/close")
            #expect(whole.isComplete && whole.body.count == 100_000)
            let cut = try larder.get("/cut")
            #expect(!cut.isComplete && cut.body.count <= 100_000)
        }
    }

    @Test("Health checks go over TLS, and a certificate that isn't believed takes a server down")
    func healthChecks() throws {
        try play(more: "\n  check: {path: /healthz, interval: 100ms}") { (larder) throws in
            #expect(try larder.get("/x").status == 200)
            #expect(try larder.stats()["upstreams"][0]["servers"][0]["standing"].string == "up")
        }
        try play(tls: "{verify: on}", more: "\n  check: {path: /healthz, interval: 100ms}") { (larder) throws in
            #expect(
                eventually(within: 20) {
                    larder.process.standardError.contains("TLS failed: unable to get local issuer")
                })
        }
    }

    @Test("A server that accepts and says nothing is given up within connect_timeout; one that speaks no TLS is a 502")
    func noHandshake() throws {
        let scene = try TLSScene.shared.get()
        try Stage.run { stage in
            let silent = stage.keep(try Socket(listeningOn: .port(0))) { $0.close() }
            // Answers a handshake with a 400.
            let plain = try stage.larder(.caching(try stage.quickOrigin().url))
            func upstream(_ port: UInt16) -> String {
                "{servers: \"https://127.0.0.1:\(port)\", tls: {ca: \(scene.authority.certificate)}, connect_timeout: 500ms}"
            }
            let configuration = LarderConfiguration(
                upstreams: "silent: \(upstream(silent.localPort))\nplain: \(upstream(plain.port))",
                routes: "- {path: /silent, upstream: silent}\n- {path: /plain, upstream: plain}")
            let larder = try stage.larder(configuration)
            let began = Date()
            #expect(try larder.get("/silent").status == 504)
            #expect(Date().timeIntervalSince(began) < 10)
            let response = try larder.get("/plain")
            #expect(response.status == 502 && response.text.contains("tls-handshake-failed"))
        }
    }
}
